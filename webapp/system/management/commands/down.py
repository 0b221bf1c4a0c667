"""Stops what `up` started."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from retro_core.supervisor import lock
from webapp.system import starting


class Command(BaseCommand):
    """`manage.py down`."""

    help = "Stop the studio that runs on this data folder."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:  # Django's own signature
        """Ask the supervisor to stop, and wait."""
        pid = lock.holder(settings.PLACES.lock)
        if not pid:
            self.stdout.write("The studio is not running.")
            return
        if not starting.stop_holder(pid, lambda: lock.holder(settings.PLACES.lock) == pid):
            raise CommandError(
                f"Process {pid} still runs after two minutes; see {settings.PLACES.logs}."
            )
        self.stdout.write("Stopped.")
