"""Who holds a row by a lease, and how it is kept while one block of work lasts."""

import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError, connection

from retro_core.errors import InvalidInput
from webapp.leases import MAX_UNFINISHED_CLAIMS, Leased

ENDED_WORKERS = f"It ended its worker {MAX_UNFINISHED_CLAIMS} times"
log = logging.getLogger(__name__)


def holder_name() -> str:
    """A name for one job of this process, never given twice."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def refuse_if_deadly(row: Leased) -> None:
    """Raises InvalidInput for a row that ended its worker too often to be tried once more."""
    if row.unfinished_claims > MAX_UNFINISHED_CLAIMS:
        raise InvalidInput(f"{ENDED_WORKERS}; see the log.")


@contextmanager
def renewing(
    renew: Callable[[], object],
    what: str,
    *,
    every: float,
    ended: threading.Event | None = None,
) -> Iterator[None]:
    """Renew a lease from a thread until the block ends, or `ended` is set before.

    The thread has a connection of its own; while the database is away it tries again.
    Units: `every` in seconds. `what` names the row in the log.
    """
    over = ended or threading.Event()

    def keep_renewing() -> None:
        while not over.wait(every):
            try:
                renew()
            except (OperationalError, InterfaceError) as error:
                log.warning("Lease of %s not renewed: %s", what, error)
            finally:
                connection.close()

    thread = threading.Thread(target=keep_renewing, name="beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
