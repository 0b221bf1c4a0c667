"""The RQ worker of the training queue: takes up lost runs, lets a trainer save before it ends."""

from workers.episodes_worker import EpisodesWorker
from workers.training_upkeep import take_up_lost_runs


class TrainingWorker(EpisodesWorker):
    """Looks after lost episodes and lost training runs alike whenever it is free."""

    def upkeep(self) -> None:
        """That of episodes, then that of training runs."""
        super().upkeep()
        take_up_lost_runs()
