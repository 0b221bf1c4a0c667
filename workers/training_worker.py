"""The RQ worker of the training queue: takes up lost runs, and lets a trainer save before it ends.

Asked to end, it asks its trainer for a checkpoint after the present update and waits for it, ten
minutes at most. Who stops it must wait as long: docker does, and `make up` waits one minute. Killed
before, the run goes on from its newest checkpoint.
"""

from workers.episodes_worker import EpisodesWorker
from workers.training_upkeep import take_up_lost_runs


class TrainingWorker(EpisodesWorker):
    """Looks after lost episodes and lost training runs alike whenever it is free."""

    def upkeep(self) -> None:
        """That of episodes, then that of training runs."""
        super().upkeep()
        take_up_lost_runs()
