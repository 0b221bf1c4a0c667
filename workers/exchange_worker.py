"""The RQ worker of the exchange queue: takes up lost exports, imports and promotions."""

from workers.exchange_upkeep import take_up_lost_transfers
from workers.promoting import take_up_lost_promotions
from workers.worker import UpkeepWorker


class ExchangeWorker(UpkeepWorker):
    """Looks after lost transfers and promotions and old files, at its start and when it is free."""

    def upkeep(self) -> None:
        """Lost transfers, then lost promotions."""
        take_up_lost_transfers()
        take_up_lost_promotions()
