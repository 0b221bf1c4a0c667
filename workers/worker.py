"""The RQ worker of the episodes queue: takes up lost work, and stops without waiting for a turn."""

import os
from contextlib import suppress

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.db.backends.postgresql.base import DatabaseWrapper

from workers.asked_upkeep import take_up_asked_work
from workers.episodes import STOP_SIGNAL
from workers.lifeline import LifelineWorker
from workers.upkeep import UPKEEP_SECONDS, take_up_lost_work


class UpkeepWorker(LifelineWorker):
    """Does its `upkeep` at its start and whenever it is free."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs["maintenance_interval"] = UPKEEP_SECONDS
        super().__init__(*args, **kwargs)

    @property
    def dequeue_timeout(self) -> int:
        """Seconds to wait for a job before looking after lost work again."""
        return int(UPKEEP_SECONDS)

    def run_maintenance_tasks(self) -> None:
        """RQ's own, and the upkeep. The pool is closed: its threads do not survive a fork."""
        super().run_maintenance_tasks()
        try:
            self.upkeep()
        except (DatabaseError, InterfaceError) as error:
            self.log.warning("Upkeep must wait, the database is away: %s", error)
        finally:
            close_database()

    def upkeep(self) -> None:
        """Take up what the workers of this queue lost."""
        raise NotImplementedError


class EpisodesWorker(UpkeepWorker):
    """Takes up lost episodes when it is free; a busy one's job does it."""

    def upkeep(self) -> None:
        """Lost episodes, and what people asked for."""
        take_up_lost_work()
        take_up_asked_work()

    def handle_warm_shutdown_request(self) -> None:
        """Ask the running job to give its tasks back now."""
        super().handle_warm_shutdown_request()
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, STOP_SIGNAL)


def close_database() -> None:
    """Let go of the connection and the pool behind it."""
    connection = connections[DEFAULT_DB_ALIAS]
    connection.close()
    if isinstance(connection, DatabaseWrapper):
        connection.close_pool()
