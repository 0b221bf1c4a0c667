"""`manage.py curve EXPERIMENT`: one learning curve as JSON."""

import json
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from webapp.experiments.curves import curve_as_json
from webapp.experiments.models import Experiment
from webapp.system import starting


class Command(BaseCommand):
    """Prints success by trial and mean return with intervals."""

    help = "Print the learning curve of an experiment, by name or number, as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the experiment."""
        parser.add_argument("experiment", help="Name, or the number in its address")

    def handle(self, *args: object, **options: object) -> None:
        """Print one curve."""
        starting.check_database()
        wanted = str(options["experiment"])
        found = Experiment.objects.filter(name=wanted).first()
        if found is None and wanted.isdigit():
            found = Experiment.objects.filter(pk=int(wanted)).first()
        if found is None:
            raise CommandError(f"No experiment is named {wanted!r}.")
        self.stdout.write(json.dumps(curve_as_json(found), indent=2))
