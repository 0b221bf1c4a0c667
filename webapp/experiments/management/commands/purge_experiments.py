"""manage.py purge_experiments: remove for good what was deleted a week ago or longer."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from webapp.experiments.shelf import KEPT, purge
from webapp.system import starting


class Command(BaseCommand):
    """Remove deleted experiments for good."""

    help = "Remove for good the experiments that were deleted long enough ago"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=float, default=KEPT / timedelta(days=1))

    def handle(self, *args: Any, **options: Any) -> None:
        starting.check_database()
        removed = purge(timedelta(days=options["days"]))
        self.stdout.write(f"{removed} experiments removed.")
