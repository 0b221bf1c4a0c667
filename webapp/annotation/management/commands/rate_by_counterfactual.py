"""Ask for the counterfactual rating of an experiment's reflections; workers play the replays."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from webapp.annotation.services.counterfactual import MOST_ASKED, PAIRS, TEMPERATURE, request
from webapp.episodes.models import Reflection
from webapp.system import starting


class Command(BaseCommand):
    help = "Rate reflections by replaying the next trial with and without them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("experiment", help="its name")
        parser.add_argument("--pairs", type=int, default=PAIRS)
        parser.add_argument("--temperature", type=float, default=TEMPERATURE)
        parser.add_argument("--limit", type=int, default=MOST_ASKED)
        parser.add_argument("--only-zero", action="store_true", help="those rated zero alone")

    def handle(self, *args: Any, **options: Any) -> None:
        starting.check_database()
        if not 2 <= options["pairs"] <= 20 or not 0 <= options["temperature"] <= 2:
            raise CommandError("From 2 to 20 pairs, and a temperature from 0 to 2, please.")
        rows = Reflection.objects.filter(experiment__name=options["experiment"]).order_by("pk")
        if options["only_zero"]:
            rows = rows.filter(automatic_rating=0)
        found = list(rows.values_list("pk", flat=True)[: options["limit"]])
        if not found:
            raise CommandError("No reflection of an experiment of that name matches.")
        asked = request(found, pairs=options["pairs"], temperature=options["temperature"])
        self.stdout.write(asked.words)
