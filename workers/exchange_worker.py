"""The RQ worker of the exchange queue: takes up lost exports, imports and promotions."""

import os

from workers.exchange_upkeep import take_up_lost_transfers
from workers.promoting import take_up_lost_promotions
from workers.upkeep_worker import UpkeepWorker

YIELDS = 5  # added to the niceness: pages and episodes come first


class ExchangeWorker(UpkeepWorker):
    """Looks after lost transfers and promotions and old files, at its start and when it is free."""

    def work(self, *args: object, **kwargs: object) -> bool:
        """Give way to what people wait for, then work as usual."""
        os.nice(YIELDS)
        return super().work(*args, **kwargs)

    def upkeep(self) -> None:
        """Lost transfers, then lost promotions."""
        take_up_lost_transfers()
        take_up_lost_promotions()
