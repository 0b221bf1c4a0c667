"""Prepares the tables, the static files and the first administrator, where no supervisor runs."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from webapp.system import starting


class Command(BaseCommand):
    """`manage.py setup`: once before the web server and the workers of a team deployment."""

    help = "Migrate, collect static files, and print a one-time sign-in link."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:  # Django's own signature
        """Each part may run again and again."""
        starting.migrate_where_needed()
        call_command("collectstatic", verbosity=0, interactive=False)
        self.stdout.write(f"Ready. Open {starting.sign_in_address()} (signs you in once)")
