"""Deletes all rows of the studio and the files that belong to them, after asking."""

import shutil
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from retro_core.supervisor import lock

KEPT = (
    "Kept: the secret key, the converted language model (models), what you put into corpora and"
    " imports, and the database of `make bench-web` (bench)."
)


class Command(BaseCommand):
    """`manage.py reset`."""

    help = "Delete the rows of this data folder, with adapters, exports, catalogues and logs."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One flag, for scripts."""
        parser.add_argument("-y", "--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:  # Django's own signature
        """Ask, then delete."""
        if not settings.EMBEDDED_POSTGRES:
            raise CommandError(
                "DATABASE_URL is set: the studio does not delete another's database."
            )
        if lock.holder(settings.PLACES.lock):
            raise CommandError("The studio is running; stop it first with `make down`.")
        self.stdout.write(
            f"This deletes every experiment, user, adapter, export and unpacked catalogue in"
            f" {settings.DATA_DIR}. {KEPT}"
        )
        if not options["yes"] and input("Type yes to go on: ").strip().lower() != "yes":
            raise CommandError("Nothing was deleted.")
        with lock.held(settings.PLACES.lock, address=""):
            for folder in settings.PLACES.made_anew():
                shutil.rmtree(folder, ignore_errors=not folder.exists())
        self.stdout.write("Deleted.")
