"""`manage.py play_official hotpotqa FILE`: an official file from end to end."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any, get_args

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Avg
from django.utils import timezone

from retro_core.config import Method
from retro_core.errors import InvalidInput
from webapp.accounts.services import ensure_administrator
from webapp.experiments.models import Experiment
from webapp.system import starting
from webapp.worlds.services.official_run import OfficialRun, play_official


class Command(BaseCommand):
    """Uses the studio that runs, or starts one for as long as it takes."""

    help = "Import an official file, play its tasks through the workers, and print the outcome."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to play, and how."""
        parser.add_argument("kind", choices=["hotpotqa", "webshop", "alfworld"])
        parser.add_argument("file", type=Path)
        untrained = [method for method in get_args(Method) if method != "retroformer"]
        parser.add_argument("--method", choices=untrained, default="react")
        parser.add_argument("--trials", type=int, default=1)
        parser.add_argument("--count", type=int, default=0, help="Only the first ones; 0 is all")
        parser.add_argument("--split", default="")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--concurrency", type=int, default=8)
        parser.add_argument("--preset", default="", help="Empty: the embedded one of the world")

    def handle(self, *args: Any, **options: Any) -> None:  # Django's own signature
        """Each line of progress with its time, then the outcome."""
        names = ("kind", "method", "trials", "count", "split", "seed", "concurrency", "preset")
        run = OfficialRun(options["file"], **{name: options[name] for name in names})
        if not run.path.is_file():
            raise CommandError(f"There is no file {run.path}.")
        with starting.studio(self.say):
            try:
                played = play_official(run, self.say, ensure_administrator())
            except InvalidInput as error:
                raise CommandError(str(error)) from error
            self.stdout.write(_outcome(played))

    def say(self, line: str) -> None:
        """Print progress at once."""
        self.stdout.write(f"{timezone.now():%H:%M:%S}  {line}")
        self.stdout.flush()


def _outcome(played: Experiment) -> str:
    rated = played.episodes.aggregate(Avg("episode_return"))
    seconds = (
        (played.finished_at - played.started_at).total_seconds()
        if played.finished_at and played.started_at
        else 0.0
    )
    return (
        f"{played.name}: {played.tasks_solved} of {played.tasks_total} solved,"
        f" {played.tasks_failed} failed to play, {played.episodes_count} episodes,"
        f" {played.steps_count} steps, mean return {rated['episode_return__avg'] or 0.0:.3f},"
        f" {seconds:.0f} s"
    )
