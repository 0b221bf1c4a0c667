"""Jobs by path: the web floor queues work without importing what does it."""

import logging

import django_rq
from django.db import transaction
from redis.exceptions import RedisError

PLAY_EXPERIMENT = "workers.episodes.play_experiment"
EPISODES = "episodes"
TRAIN = "workers.training.train"
TRAINING = "training"
REPLAY = "workers.replays.replay_reflection"
MEASURE = "workers.measuring.measure"
RUN_TRANSFER = "workers.exchange.run_transfer"
EXCHANGE = "exchange"
PROMOTE = "workers.promoting.promote"

log = logging.getLogger(__name__)


def queue_job(queue: str, path: str, row_id: int) -> None:
    """Ask a worker of a queue for the row's work, once the current transaction is committed.

    If the broker is away the commit still stands: upkeep asks again within a minute.
    """
    transaction.on_commit(lambda: _enqueue(queue, path, row_id))


def waiting_jobs(queue: str, path: str) -> list[int]:
    """The rows whose jobs wait in a queue, first in line first; none if the broker is away."""
    try:
        waiting = django_rq.get_queue(queue).get_jobs()
    except RedisError as error:
        log.warning("The broker is away: %s", error)
        return []
    return [int(job.args[0]) for job in waiting if job.func_name == path]


def _enqueue(queue: str, path: str, row_id: int) -> None:
    try:
        found = django_rq.get_queue(queue, commit_mode="auto")  # the commit is behind us
        found.enqueue(path, row_id, result_ttl=60)
    except RedisError as error:
        log.warning("%s(%s) is queued later, the broker is away: %s", path, row_id, error)
