"""`manage.py make_bench_data`: a database at ten times the paper's scale, to measure pages on."""

import time
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from webapp.system import starting
from webapp.system.bench_data.making import has_rows, make_bench_data


class Command(BaseCommand):
    """Fills the database with invented experiments, episodes, reflections and training runs."""

    help = (
        "Write 120,000 episodes, 2.4 million steps, 100,000 reflections and 1,000 training runs of"
        " 20,000 points. For an empty database: it refuses another unless told."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare size, seed and the one way around the refusal."""
        parser.add_argument("--scale", type=float, default=1.0, help="0.01 is a hundredth")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument(
            "--beside-real-rows", action="store_true", help="Write even where rows are already"
        )

    def handle(self, *args: object, **options: object) -> None:
        """Fill it, saying what is done."""
        starting.check_database()
        if has_rows() and not options["beside_real_rows"]:
            raise CommandError(
                "This database holds rows already, and invented ones would mix with them. Name an"
                " empty one in DATABASE_URL, or add --beside-real-rows."
            )
        began = time.monotonic()

        def say(words: str) -> None:
            self.stdout.write(f"{time.monotonic() - began:6.1f} s  {words}")
            self.stdout.flush()

        make_bench_data(scale=float(str(options["scale"])), seed=int(str(options["seed"])), say=say)
        say("done")
