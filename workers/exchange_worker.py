"""The RQ worker of the exchange queue: takes up lost exports, imports and promotions."""

from django.db import DatabaseError, InterfaceError

from workers.exchange_upkeep import take_up_lost_transfers
from workers.lifeline import LifelineWorker
from workers.promoting import take_up_lost_promotions
from workers.upkeep import UPKEEP_SECONDS
from workers.worker import close_database


class ExchangeWorker(LifelineWorker):
    """Looks after lost transfers and promotions and old files, at its start and when it is free."""

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
            take_up_lost_transfers()
            take_up_lost_promotions()
        except (DatabaseError, InterfaceError) as error:
            self.log.warning("Upkeep must wait, the database is away: %s", error)
        finally:
            close_database()
