"""Jobs by path: the web floor queues work without importing what does it."""

import django_rq
from django.db import transaction
from rq.job import Job

PLAY_EXPERIMENT = "workers.episodes.play_experiment"
EPISODES = "episodes"


def queue_play(experiment_id: int) -> None:
    """Ask a worker to play the experiment, once the current transaction is committed.

    If the broker is away the commit still stands: upkeep asks again within a minute.
    """
    transaction.on_commit(lambda: _enqueue_play(experiment_id), robust=True)


def waiting_plays() -> list[int]:
    """The experiments whose jobs wait in the queue, first in line first."""
    jobs = django_rq.get_queue(EPISODES).get_jobs()
    return [_experiment_of(job) for job in jobs if job.func_name == PLAY_EXPERIMENT]


def _experiment_of(job: Job) -> int:
    return int(job.args[0])


def _enqueue_play(experiment_id: int) -> None:
    django_rq.get_queue(EPISODES).enqueue(PLAY_EXPERIMENT, experiment_id, result_ttl=60)
