"""Runs the learning protocol through the product, and prints the table."""

from collections.abc import Callable, Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from retro_core.errors import InvalidInput
from webapp.learning import (
    annotator,
    corrected,
    luck,
    ranking,
    replication,
    running,
    table,
    transfer,
)
from webapp.learning.protocol import PROTOCOLS, Protocol
from webapp.learning.reporting import write_report
from webapp.learning.running import Measured
from webapp.system import starting


class Command(BaseCommand):
    """`manage.py learn`: uses the studio that runs, or starts one for as long as it takes."""

    help = "Collect, train and measure on unseen tasks; goes on where it was left."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The form of the protocol, and which of its parts."""
        parser.add_argument("--form", choices=sorted(PROTOCOLS), default="small")
        parser.add_argument(
            "--part",
            choices=["arms", "claim", "again", "luck", "annotator", "transfer"],
            default="arms",
            help="all arms; only the tuned reflector and the controls, the first hour; these on"
            " fresh games; luck alone beside luck and reflections; noisy ratings that a script"
            " corrects; other chores than trained on",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # Django's own signature
        """Each line of progress with its time."""
        parts: dict[str, Callable[[Protocol], Iterator[str]]] = {
            "arms": self._arms,
            "claim": self._claim,
            "again": lambda form: replication.lines(replication.run(form, self.say)),
            "luck": lambda form: luck.lines(luck.run(form, self.say)),
            "annotator": lambda form: corrected.lines(annotator.run(form, self.say)),
            "transfer": lambda form: transfer.lines(transfer.run(form, self.say)),
        }
        with starting.studio(self.say):
            try:
                for line in parts[options["part"]](PROTOCOLS[options["form"]]):
                    self.stdout.write(line)
            except InvalidInput as error:
                raise CommandError(str(error)) from error

    def _claim(self, form: Protocol) -> Iterator[str]:
        yield from self._told(running.claim(form, self.say))

    def _arms(self, form: Protocol) -> Iterator[str]:
        claimed = running.claim(form, self.say)
        yield from self._told(claimed)
        self.say("Next: ratings of the tuned reflector, and what learns from them.")
        measured = running.go_on(claimed, self.say)
        self.say("The reward model reads what was written on the unseen tasks.")
        try:
            ranking.read(ranking.of_arms(measured))
        except InvalidInput as error:  # the arms were played: their table is told all the same
            self.say(f"It could not be read, so that part of the table is empty: {error}")
        yield from self._told(measured)

    def _told(self, measured: Measured) -> Iterator[str]:
        """The table, here and as a report."""
        yield from table.lines(measured)
        report = write_report(measured)
        self.say(f"The same with curves, as report {report.pk}: {report.title}")

    def say(self, line: str) -> None:
        """Print progress at once."""
        self.stdout.write(f"{timezone.now():%H:%M:%S}  {line}")
        self.stdout.flush()
