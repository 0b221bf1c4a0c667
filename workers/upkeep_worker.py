"""An RQ worker that looks after lost work whenever it is free."""

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.db.backends.postgresql.base import DatabaseWrapper

from workers.lifeline import LifelineWorker
from workers.upkeep import UPKEEP_SECONDS


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


def close_database() -> None:
    """Let go of the connection and the pool behind it."""
    connection = connections[DEFAULT_DB_ALIAS]
    connection.close()
    if isinstance(connection, DatabaseWrapper):
        connection.close_pool()
