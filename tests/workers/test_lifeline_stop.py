"""A worker that is asked to stop stops, even where the asking was swallowed."""

import logging
import signal
from contextlib import suppress

import pytest
from rq.exceptions import StopRequested
from rq.worker import Worker, WorkerStatus

from workers.lifeline import LifelineWorker


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> LifelineWorker:
    """A worker without a broker, in the state that a test gives it."""
    monkeypatch.setattr(Worker, "heartbeat", lambda self: None)
    monkeypatch.setattr(Worker, "set_shutdown_requested_date", lambda self: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    made: LifelineWorker = LifelineWorker.__new__(LifelineWorker)
    made.name, made.pid, made.scheduler, made._stop_requested = "one", 1, None, False
    made.log = logging.getLogger(__name__)
    return made


def test_a_stop_that_other_code_swallowed_is_raised_at_the_next_heartbeat(
    worker: LifelineWorker,
) -> None:
    worker._state = WorkerStatus.IDLE
    worker.heartbeat()

    with suppress(Exception):  # as a library does
        worker.request_stop(signal.SIGTERM, None)

    with pytest.raises(StopRequested):
        worker.heartbeat()


def test_a_busy_worker_beats_on_until_its_job_has_ended(worker: LifelineWorker) -> None:
    worker._state = WorkerStatus.BUSY
    worker.request_stop(signal.SIGTERM, None)
    worker.heartbeat()

    worker._state = WorkerStatus.IDLE
    with pytest.raises(StopRequested):
        worker.heartbeat()
