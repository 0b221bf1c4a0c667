"""Training runs that nobody trains any more are marked as lost, and taken up again."""

from webapp import jobs
from webapp.training.models import TrainingRun


def take_up_lost_runs() -> list[int]:
    """Queue the runs that are free and have no waiting job; return their ids.

    A job too many finds nothing to claim and ends.
    """
    TrainingRun.objects.mark_lost()
    waiting = set(jobs.waiting_jobs(jobs.TRAINING, jobs.TRAIN))
    free = TrainingRun.objects.claimable().order_by("pk").values_list("pk", flat=True)
    found = [pk for pk in free if pk not in waiting]
    for pk in found:
        jobs.queue_job(jobs.TRAINING, jobs.TRAIN, pk)
    return found
