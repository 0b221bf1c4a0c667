"""The RQ worker of the training queue: takes up lost runs, and lets a trainer save before it ends.

Asked to end, it asks its trainer for a checkpoint after the present update and waits for it, ten
minutes at most. Who stops it must wait as long: docker does, and `make up` waits one minute. Killed
before, the run goes on from its newest checkpoint.
"""

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
