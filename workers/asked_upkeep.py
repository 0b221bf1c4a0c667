"""Replays and measurements that nobody works on any more are taken up again."""

from webapp import jobs
from webapp.annotation.models import Counterfactual, Measurement
from webapp.annotation.services.retraining import compare_finished


def take_up_asked_work() -> list[tuple[str, int]]:
    """Queue what is free and has no waiting job; return what was queued.

    A finished retraining gets its comparison. A job too many finds nothing to claim and ends.
    """
    compare_finished()
    found = []
    for queue, path, model in (
        (jobs.EPISODES, jobs.REPLAY, Counterfactual),
        (jobs.TRAINING, jobs.MEASURE, Measurement),
    ):
        free = set(model.objects.claimable().values_list("pk", flat=True))
        for pk in sorted(free - set(jobs.waiting_jobs(queue, path) if free else ())):
            jobs.queue_job(queue, path, pk)
            found.append((path, pk))
    return found
