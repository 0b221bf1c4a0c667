"""Says what runs."""

import json
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from retro_core.supervisor import lock


class Command(BaseCommand):
    """`manage.py status`: exits with 3 when nothing runs, as service scripts do."""

    help = "Say whether the studio runs, where, and how its children are."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:  # Django's own signature
        """Print the address and one line for each child."""
        pid = lock.holder(settings.PLACES.lock)
        if not pid:
            self.stdout.write("The studio is not running. `make up` starts it.")
            sys.exit(3)
        self.stdout.write(f"Running at {lock.holder_address(settings.PLACES.lock)} (process {pid})")
        for child in read_children(settings.PLACES.record):
            state = "runs" if Path(f"/proc/{child['pid']}").exists() else "is being started again"
            again = f", started again {child['restarts']} times" if child["restarts"] else ""
            self.stdout.write(f"  {child['name']:<16} {state} (process {child['pid']}{again})")
        self.stdout.write(f"Logs: {settings.PLACES.logs}")


def read_children(record: Path) -> list[dict[str, Any]]:
    """The children as the supervisor wrote them down; none while it only begins."""
    try:
        children: list[dict[str, Any]] = json.loads(record.read_text())["children"]
    except FileNotFoundError:
        return []
    return children
