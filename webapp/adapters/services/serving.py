"""Has the model server serve an adapter, also one that reads adapters at its start only."""

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from retro_core.errors import InvalidInput
from webapp.adapters.models import Adapter
from webapp.adapters.services import server

RESTART = ".restart"  # docker/tgi-entrypoint.sh looks at it
RESTART_SECONDS = 240.0  # a model of 7B is read again
POLL_SECONDS = 2.0


def serve_and_probe(adapter: Adapter, prompts: Sequence[str]) -> server.Beside:
    """Load the adapter and see that it changes the output. Raises InvalidInput.

    Its folder lies where the server reads adapters. A server that has no way to load one while it
    runs is asked to restart, but only if it does not hold the adapter yet.
    """
    if server.load(adapter):
        return server.probe(adapter, prompts)
    try:
        return server.probe(adapter, prompts)
    except InvalidInput:
        ask_for_restart()
        return _probe_when_back(adapter, prompts)


def ask_for_restart() -> None:
    """Have the entrypoint of the server start it again, with every adapter there is."""
    folder: Path = settings.PLACES.adapters
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / f"{RESTART}.new"
    scratch.write_text(secrets.token_hex(8))
    scratch.rename(folder / RESTART)


def _probe_when_back(adapter: Adapter, prompts: Sequence[str]) -> server.Beside:
    """Probe until the output changes: the old process may still answer for a moment."""
    limit = time.monotonic() + RESTART_SECONDS
    while True:
        time.sleep(POLL_SECONDS)
        try:
            return server.probe(adapter, prompts)
        except InvalidInput as error:
            if time.monotonic() > limit:
                raise InvalidInput(
                    f"The model server was asked to restart; after {RESTART_SECONDS:.0f} s:"
                    f" {error} Promote again once it answers: it reads the adapter at its start."
                ) from error
