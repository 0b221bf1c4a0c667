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


def queue_play(experiment_id: int) -> None:
    """Ask a worker to play the experiment, once the current transaction is committed.

    If the broker is away the commit still stands: upkeep asks again within a minute.
    """
    transaction.on_commit(lambda: _enqueue_play(experiment_id))


def queue_play_once(experiment_id: int) -> None:
    """The same, unless such a job waits already."""
    if experiment_id not in waiting_plays():
        queue_play(experiment_id)


def waiting_plays() -> list[int]:
    """The experiments whose jobs wait in the queue, first in line first; none if it is away."""
    try:
        waiting = django_rq.get_queue(EPISODES).get_jobs()
    except RedisError as error:
        log.warning("The broker is away: %s", error)
        return []
    return [int(job.args[0]) for job in waiting if job.func_name == PLAY_EXPERIMENT]


def _enqueue_play(experiment_id: int) -> None:
    try:
        queue = django_rq.get_queue(EPISODES, commit_mode="auto")  # the commit is behind us
        queue.enqueue(PLAY_EXPERIMENT, experiment_id, result_ttl=60)
    except RedisError as error:
        log.warning("Experiment %s is queued later, the broker is away: %s", experiment_id, error)


def queue_training(run_id: int) -> None:
    """Ask a training worker for a run, once the current transaction is committed."""
    transaction.on_commit(lambda: _enqueue_training(run_id))


def waiting_trainings() -> list[int]:
    """The training runs whose jobs wait in the queue; none if the broker is away."""
    try:
        waiting = django_rq.get_queue(TRAINING).get_jobs()
    except RedisError as error:
        log.warning("The broker is away: %s", error)
        return []
    return [int(job.args[0]) for job in waiting if job.func_name == TRAIN]


def _enqueue_training(run_id: int) -> None:
    try:
        queue = django_rq.get_queue(TRAINING, commit_mode="auto")  # the commit is behind us
        queue.enqueue(TRAIN, run_id, result_ttl=60)
    except RedisError as error:
        log.warning("Training run %s is queued later, the broker is away: %s", run_id, error)


def queue_transfer(transfer_id: int) -> None:
    """Ask a worker for an export or import, once the current transaction is committed."""
    transaction.on_commit(lambda: _enqueue_transfer(transfer_id))


def waiting_transfers() -> list[int]:
    """The exports and imports whose jobs wait in the queue; none if the broker is away."""
    try:
        waiting = django_rq.get_queue(EXCHANGE).get_jobs()
    except RedisError as error:
        log.warning("The broker is away: %s", error)
        return []
    return [int(job.args[0]) for job in waiting if job.func_name == RUN_TRANSFER]


def _enqueue_transfer(transfer_id: int) -> None:
    try:
        queue = django_rq.get_queue(EXCHANGE, commit_mode="auto")  # the commit is behind us
        queue.enqueue(RUN_TRANSFER, transfer_id, result_ttl=60)
    except RedisError as error:
        log.warning("Transfer %s is queued later, the broker is away: %s", transfer_id, error)


def queue_job(queue: str, path: str, row_id: int) -> None:
    """Ask a worker of a queue for the row's work, once the current transaction is committed."""
    transaction.on_commit(lambda: _enqueue(queue, path, row_id))


def waiting_jobs(queue: str, path: str) -> list[int]:
    """The rows whose jobs wait in a queue; none if the broker is away."""
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
