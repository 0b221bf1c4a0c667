"""Patience with a database that is being restarted."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

log = logging.getLogger(__name__)

Result = TypeVar("Result")
PATIENCE_SECONDS = 600.0
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)


def insist(unit: Callable[[], Result], patience: float = PATIENCE_SECONDS) -> Result:
    """Do one unit of database work, again if the database goes away; then let the connection go.

    The unit must be harmless to repeat: its commit may have arrived although the answer did not.
    """
    deadline = time.monotonic() + patience
    tries = 0
    while True:
        try:
            return unit()
        except (OperationalError, InterfaceError) as error:
            pause = PAUSES[min(tries, len(PAUSES) - 1)]
            if time.monotonic() + pause > deadline:
                raise
            log.warning("Database away, trying again in %s s: %s", pause, error)
        finally:
            connection.close()
        time.sleep(pause)
        tries += 1
