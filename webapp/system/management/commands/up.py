"""Starts everything in the foreground; Ctrl-C stops it."""

import os
import shutil
import signal
from types import FrameType
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from retro_core.supervisor import lock
from retro_core.supervisor.supervise import Supervisor
from webapp.system import starting


class Command(BaseCommand):
    """`manage.py up`."""

    help = "Start database, broker, LM server, workers and web server; Ctrl-C stops them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether the first start plays something at once."""
        parser.add_argument("--no-sample", action="store_true", help="make no sample experiment")

    def handle(self, *args: Any, **options: Any) -> None:  # Django's own signature
        """Start, watch, and stop whatever happens."""
        with lock.held(settings.PLACES.lock, address=starting.address()):
            starting.check_machine()
            supervisor = Supervisor(self.say, settings.PLACES.record)
            stop_at_signals()
            try:
                starting.start_everything(supervisor, self.say, sample=not options["no_sample"])
                link = starting.sign_in_address()
                starting.forget_connections()
                self.say(f"Ready. Open {link} (signs you in once; Ctrl-C stops everything)")
                supervisor.watch()
            except KeyboardInterrupt:
                self.say("Stopping.")
            finally:
                supervisor.stop()
                shutil.rmtree(settings.PLACES.sockets, ignore_errors=True)

    def say(self, line: str) -> None:
        """Print a line at once; a terminal that is gone does not stop the stop."""
        try:
            self.stdout.write(line)
            self.stdout.flush()
        except OSError:
            self.stdout = type(self.stdout)(open(os.devnull, "w"))  # noqa: SIM115


def stop_at_signals() -> None:
    """Let SIGTERM and a closed terminal stop everything as Ctrl-C does."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
