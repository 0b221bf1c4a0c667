"""The RQ worker of the episodes queue: takes up lost work, and stops without waiting for a turn."""

import os
from contextlib import suppress

from workers.asked_upkeep import take_up_asked_work
from workers.episodes import STOP_SIGNAL
from workers.upkeep import take_up_lost_work
from workers.upkeep_worker import UpkeepWorker


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
