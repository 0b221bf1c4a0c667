"""`manage.py import_episodes FILE.jsonl`: recorded episodes from a log."""

from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from webapp.episodes.importing import ImportReport, import_episodes
from webapp.system import starting


class Command(BaseCommand):
    """Imports a log of one JSON object an episode; prints each bad line with its reason."""

    help = "Import recorded episodes from a JSON lines file. Importing it again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the file and the two options."""
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--experiment", default="", help="Name it so, instead of as in the file"
        )
        parser.add_argument("--skip-bad", action="store_true", help="Import the good lines")

    def handle(self, *args: object, **options: object) -> None:
        """Import one file."""
        starting.check_database()
        path = Path(str(options["file"]))
        try:
            with path.open("rb") as lines:
                report = import_episodes(
                    lines,
                    source=path.name,
                    experiment_name=str(options["experiment"]),
                    skip_bad=bool(options["skip_bad"]),
                )
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        self._tell(report)
        if report.refused:
            raise CommandError(f"Nothing was imported: {report.bad_count} bad lines.")

    def _tell(self, report: ImportReport) -> None:
        for bad in report.bad_lines:
            self.stderr.write(f"line {bad.number}: {bad.reason}")
        unlisted = report.bad_count - len(report.bad_lines)
        if unlisted:
            self.stderr.write(f"and {unlisted} more bad lines")
        for name in report.experiments.values():
            self.stdout.write(f"{name}: experiment")
        if not report.refused:
            self.stdout.write(
                f"{report.imported} episodes imported, {report.known} were here already,"
                f" {report.bad_count} bad lines"
            )
