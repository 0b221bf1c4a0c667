"""Runs the learning protocol through the product, and prints the table."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from retro_core.errors import InvalidInput
from webapp.learning.protocol import PROTOCOLS
from webapp.learning.reporting import write_report
from webapp.learning.running import run
from webapp.learning.table import lines
from webapp.system import starting


class Command(BaseCommand):
    """`manage.py learn`: uses the studio that runs, or starts one for as long as it takes."""

    help = "Collect, train and measure on unseen tasks; goes on where it was left."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The form of the protocol."""
        parser.add_argument("--form", choices=sorted(PROTOCOLS), default="small")

    def handle(self, *args: Any, **options: Any) -> None:  # Django's own signature
        """Each line of progress with its time."""
        with starting.studio(self.say):
            try:
                measured = run(PROTOCOLS[options["form"]], self.say)
            except InvalidInput as error:
                raise CommandError(str(error)) from error
            for line in lines(measured):
                self.stdout.write(line)
            report = write_report(measured)
            self.say(f"The same with curves, as report {report.pk}: {report.title}")

    def say(self, line: str) -> None:
        """Print progress at once."""
        self.stdout.write(f"{timezone.now():%H:%M:%S}  {line}")
        self.stdout.flush()
