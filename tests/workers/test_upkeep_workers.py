"""A worker that is free looks after lost work, each of its own queue's kind."""

import django_rq
import pytest
from django.db import OperationalError

from tests.webapp.played import new_experiment
from tests.webapp.training_world import taken_snapshot
from webapp import jobs
from webapp.experiments import services
from webapp.training.services.runs import launch
from webapp.training.services.specs import preset_spec
from workers import training_worker
from workers.episodes_worker import EpisodesWorker
from workers.training_worker import TrainingWorker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker")]


def lost_work() -> tuple[int, int]:
    """An experiment and a training run whose jobs are gone."""
    experiment = new_experiment()
    services.start(experiment.pk)
    spec = preset_spec("sft", "cpu-small")
    run = launch(name="it", snapshot=taken_snapshot(), spec=spec, preset="cpu-small")
    for queue in (jobs.EPISODES, jobs.TRAINING):
        django_rq.get_queue(queue).empty()
    return experiment.pk, run.pk


def waiting() -> tuple[list[int], list[int]]:
    """The experiments and the training runs that have a job."""
    plays = jobs.waiting_jobs(jobs.EPISODES, jobs.PLAY_EXPERIMENT)
    return plays, jobs.waiting_jobs(jobs.TRAINING, jobs.TRAIN)


def test_an_episodes_worker_takes_up_experiments_alone() -> None:
    experiment, _ = lost_work()

    EpisodesWorker(
        ["episodes"], connection=django_rq.get_connection(jobs.EPISODES)
    ).run_maintenance_tasks()

    assert waiting() == ([experiment], [])


def test_a_training_worker_takes_up_training_runs_too() -> None:
    experiment, run = lost_work()

    TrainingWorker(
        ["training"], connection=django_rq.get_connection(jobs.EPISODES)
    ).run_maintenance_tasks()

    assert waiting() == ([experiment], [run])


def test_upkeep_waits_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("the server closed the connection")

    _, run = lost_work()
    worker = TrainingWorker(["training"], connection=django_rq.get_connection(jobs.EPISODES))
    with monkeypatch.context() as patch:
        patch.setattr(training_worker, "take_up_lost_runs", away)
        worker.run_maintenance_tasks()
    assert waiting()[1] == []

    worker.run_maintenance_tasks()

    assert waiting()[1] == [run]
