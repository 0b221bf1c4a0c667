"""Prints a fresh one-time sign-in link."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from webapp.accounts.services import ensure_administrator, one_time_path
from webapp.system import starting


class Command(BaseCommand):
    """`manage.py sign_in_link [USERNAME]`."""

    help = "Print a link that signs a user in once: the first administrator, or the one named."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whose link."""
        parser.add_argument("username", nargs="?", help="default: the first administrator")

    def handle(self, *args: Any, **options: Any) -> None:  # Django's own signature
        """Make the link and print it."""
        address = starting.running_address()
        name = options["username"]
        user = User.objects.filter(username=name).first() if name else ensure_administrator()
        if user is None:
            raise CommandError(f"There is no user {name!r}.")
        self.stdout.write(address + one_time_path(user))
