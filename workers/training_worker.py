"""The RQ worker of the training queue: takes up lost runs, lets a trainer save before it ends."""

from django.db import DatabaseError, InterfaceError

from workers.training_upkeep import take_up_lost_runs
from workers.worker import EpisodesWorker, close_database


class TrainingWorker(EpisodesWorker):
    """Looks after lost episodes and lost training runs alike whenever it is free."""

    def run_maintenance_tasks(self) -> None:
        """The upkeep of experiments, then that of training runs."""
        super().run_maintenance_tasks()
        try:
            take_up_lost_runs()
        except (DatabaseError, InterfaceError) as error:
            self.log.warning("Upkeep must wait, the database is away: %s", error)
        finally:
            close_database()
