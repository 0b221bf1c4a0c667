"""`manage.py make_tasks NAME`: a task set from an environment's generator."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from retro_core.errors import InvalidInput
from webapp.system import starting
from webapp.tasks.services import generate_task_set


class Command(BaseCommand):
    """Generates tasks and stores them under a name."""

    help = "Make a task set of generated tasks; the same seed gives the same tasks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the name and what to generate."""
        parser.add_argument("name")
        parser.add_argument("--environment", default="alfworld")
        parser.add_argument("--split", default="train")
        parser.add_argument("--count", type=int, default=12)
        parser.add_argument("--seed", type=int, default=0)

    def handle(self, *args: object, **options: object) -> None:
        """Generate one task set."""
        starting.check_database()
        try:
            made = generate_task_set(
                name=str(options["name"]),
                environment=str(options["environment"]),
                split=str(options["split"]),
                count=int(str(options["count"])),
                seed=int(str(options["seed"])),
            )
        except InvalidInput as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{made.name}: {made.members.count()} tasks")
