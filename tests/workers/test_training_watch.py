"""Interruptions of a training run are counted until it gets further."""

import json
import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.workers.training_rows import tiny_run, tiny_snapshot
from webapp.leases import MAX_UNFINISHED_CLAIMS
from webapp.training.models import TrainingRun
from workers.training import train
from workers.training_files import folder_of
from workers.training_watch import Watch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker")]


@pytest.fixture
def run() -> TrainingRun:
    run = tiny_run(tiny_snapshot())
    folder_of(run.pk).out.mkdir(parents=True)
    return run


def told(run: TrainingRun, steps: list[int]) -> None:
    """What a trainer adds to its figures."""
    with (folder_of(run.pk).out / "metrics.jsonl").open("a") as stream:
        for step in steps:
            line = {"step": step, "split": "train", "seconds": 1.0, "values": {"loss": 0.5}}
            stream.write(json.dumps(line) + "\n")


def interrupted(run: TrainingRun, steps: list[int], unseen: list[int] | None = None) -> int:
    """A worker takes the run, sees these steps, and dies; how many such claims are counted.

    `unseen` steps are told by the trainer after the worker's last look.
    """
    held = TrainingRun.objects.claim(run.pk, "a worker")
    assert held is not None
    trainer = subprocess.Popen([sys.executable, "-c", ""])
    watch = Watch(held, "a worker", trainer, folder_of(run.pk).out)
    watch.look()
    for step in steps:
        told(run, [step])
        watch.look()
    told(run, unseen or [])
    trainer.wait()
    past = timezone.now() - timedelta(seconds=1)
    TrainingRun.objects.filter(pk=run.pk).update(lease_expires_at=past)
    return TrainingRun.objects.get(pk=run.pk).unfinished_claims


def test_a_run_that_gets_further_each_time_may_be_interrupted_without_end(run: TrainingRun) -> None:
    counted = [interrupted(run, [step, step + 1]) for step in range(1, 20, 2)]

    assert counted == [0] * 10


def test_a_run_that_dies_at_the_same_step_again_and_again_ends(run: TrainingRun) -> None:
    # It resumes from a checkpoint at step 1.
    counted = [interrupted(run, [2, 3]) for _ in range(1 + MAX_UNFINISHED_CLAIMS)]

    train(run.pk)

    run.refresh_from_db()
    assert counted == [0, 1, 2, 3, 4, 5]
    assert (run.status, run.failure_code) == ("failed", "crashed")
    assert "ended its worker 5 times without getting further" in run.reason


def test_a_step_that_no_worker_lived_to_write_down_is_no_progress_of_the_next_one(
    run: TrainingRun,
) -> None:
    counted = [interrupted(run, [2], unseen=[3]) for _ in range(4)]

    assert counted == [0, 1, 2, 3]
