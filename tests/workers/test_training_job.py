"""A training run from its row to its adapter, with a real trainer process on a tiny model."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import django_rq
import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from retro_core.training.spec import OptimisationSpec
from tests.workers.training_rows import tiny_base, tiny_run, tiny_snapshot
from webapp.adapters.models import Adapter
from webapp.adapters.page import key_figure
from webapp.adapters.services.registry import adapter_folder
from webapp.training.models import DrawnCurve, MetricPoint, Sample, TrainingRun
from webapp.training.services.pipelines import launch_pipeline
from webapp.training.services.runs import resume, stop
from workers import training_watch
from workers.training import train
from workers.training_files import folder_of
from workers.training_upkeep import take_up_lost_runs

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("broker"),
    pytest.mark.timeout(600),  # a trainer needs seconds to load its libraries, minutes if disturbed
]
WAIT_SECONDS = 300.0
ROOT = Path(__file__).resolve().parents[2]
SMALL = OptimisationSpec(learning_rate=5e-3, batch_size=4, micro_batch_size=2, max_steps=2)
LONG = replace(SMALL, max_steps=100_000)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(autouse=True)
def _tiny(base: Path, settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.REFLECTOR_BASE_FOLDER = str(base)
    settings.CHILD_ENVIRONMENT = {**django_settings.CHILD_ENVIRONMENT, "OMP_NUM_THREADS": "1"}
    monkeypatch.setattr(training_watch, "TICK_SECONDS", 0.1)
    yield
    for folder in (django_settings.PLACES.training, django_settings.PLACES.adapters):
        assert str(folder).startswith("/tmp/")


def test_a_run_becomes_an_adapter_with_its_figures_and_samples() -> None:
    run = tiny_run(tiny_snapshot(), optimisation=replace(SMALL, max_steps=6))

    train(run.pk)

    run.refresh_from_db()
    adapter = Adapter.objects.get()
    assert (run.status, run.reason, run.step) == ("done", "", 6)
    assert (adapter.name, adapter.stage, adapter.rank) == ("tiny-v1", "candidate", 4)
    weights = adapter_folder(adapter) / "adapter_model.safetensors"
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == adapter.weights_sha256
    losses = MetricPoint.objects.filter(run=run, split="train", name="loss")
    assert list(losses.order_by("step").values_list("step", flat=True)) == [1, 2, 3, 4, 5, 6]
    drawn = run.drawn_curves.get(most=DrawnCurve.FINE, split="train", name="loss")
    assert drawn.steps == [1, 2, 3, 4, 5, 6]
    assert set(Sample.objects.values_list("step", flat=True)) == {3, 6}
    assert "step 6" in run.log_tail
    assert 0.1 < adapter.figures["peak_memory_gb"] < 8


def test_a_run_is_claimed_once_and_a_second_job_does_nothing() -> None:
    run = tiny_run(tiny_snapshot(), optimisation=SMALL)
    TrainingRun.objects.claim(run.pk, "somebody else")

    train(run.pk)

    run.refresh_from_db()
    assert (run.status, run.lease_holder) == ("starting", "somebody else")


def test_an_empty_snapshot_fails_with_a_reason_and_no_adapter() -> None:
    snapshot = tiny_snapshot()
    run = tiny_run(snapshot, optimisation=SMALL)
    spec = run.spec | {"dataset": run.spec["dataset"] | {"accept_above": 5.0}}
    TrainingRun.objects.filter(pk=run.pk).update(spec=spec)

    train(run.pk)

    run.refresh_from_db()
    assert (run.status, run.failure_code) == ("failed", "empty_snapshot")
    assert "lower the threshold" in run.reason
    assert not Adapter.objects.exists()


@pytest.mark.parametrize(
    ("folder", "reason"),
    [("/nowhere", "'/nowhere' is not a folder"), ("", "nothing says which model is served there")],
)
def test_a_missing_base_model_fails_before_a_trainer_starts(
    folder: str, reason: str, settings
) -> None:
    run = tiny_run(tiny_snapshot(), optimisation=SMALL)
    settings.REFLECTOR_URL, settings.REFLECTOR_BASE_FOLDER = "http://tgi:80", folder

    train(run.pk)

    run.refresh_from_db()
    assert run.status == "failed"
    assert reason in run.reason


def test_after_kill_9_of_the_trainer_a_resume_goes_on_from_the_checkpoint() -> None:
    run = tiny_run(tiny_snapshot(), optimisation=replace(SMALL, max_steps=100_000))
    with meanwhile(lambda: kill_trainer_after(run, step=4)):
        train(run.pk)
    run.refresh_from_db()
    assert (run.status, run.failure_code) == ("failed", "killed")
    assert not Adapter.objects.exists()

    assert resume(run.pk)
    with meanwhile(lambda: stop_after_resume(run)):
        train(run.pk)

    run.refresh_from_db()
    assert (run.status, run.reason) == ("stopped", "Stopped on request.")
    told = (folder_of(run.pk).out / "metrics.jsonl").read_text()
    assert '"resumed": true' in told


def test_a_worker_that_is_asked_to_end_leaves_the_run_to_another() -> None:
    run = tiny_run(tiny_snapshot(), optimisation=LONG)
    with meanwhile(lambda: signal_after(run, step=2, number=signal.SIGUSR1)):
        train(run.pk)

    run.refresh_from_db()
    assert (run.status, run.lease_holder) == ("queued", "")


def test_a_lost_run_is_taken_up_and_the_dead_workers_trainer_is_ended() -> None:
    run = tiny_run(tiny_snapshot(), optimisation=LONG)
    with meanwhile(lambda: lose_lease(run, step=2)):
        train(run.pk)

    assert take_up_lost_runs() == []  # its first job still waits in the queue
    django_rq.get_queue("training").empty()
    assert take_up_lost_runs() == [run.pk]
    run.refresh_from_db()
    assert run.status == "lost"
    # its folder is free for the next trainer
    assert trainers_of(run) == []


def test_after_kill_9_of_the_worker_its_trainer_ends_and_another_worker_goes_on(base: Path) -> None:
    run = tiny_run(tiny_snapshot(), optimisation=LONG)
    worker = worker_process(run, base)
    wait_for_step(run, 4)

    worker.kill()
    worker.wait()

    limit = time.monotonic() + WAIT_SECONDS
    while trainers_of(run):
        assert time.monotonic() < limit, "the trainer outlives its worker"
        time.sleep(0.05)
    past = timezone.now() - timedelta(seconds=1)
    assert TrainingRun.objects.get(pk=run.pk).status == "running"
    TrainingRun.objects.filter(pk=run.pk).update(lease_expires_at=past)  # 30 s later
    with meanwhile(lambda: stop_after_resume(run)):
        train(run.pk)
    run.refresh_from_db()
    assert run.status == "stopped"


def worker_process(run: TrainingRun, base: Path) -> "subprocess.Popen[bytes]":
    """A process that does the job and nothing else, on the database of this test."""
    words = f"import django; django.setup(); from workers.training import train; train({run.pk})"
    environment = {**os.environ, "REFLECTOR_BASE_FOLDER": str(base)}  # noqa: TID251
    return subprocess.Popen([sys.executable, "-c", words], cwd=ROOT, env=environment)


def test_a_pipeline_trains_policy_and_reward_model_and_then_ppo_with_both() -> None:
    chain = launch_pipeline(name="chain", snapshot=tiny_snapshot(), preset="cpu-small", seed=1)
    for run in chain.runs.all():
        short = run.spec["optimisation"] | {"max_steps": 2, "warmup_steps": 0}
        chain.runs.filter(pk=run.pk).update(spec=run.spec | {"optimisation": short})

    for run in chain.runs.order_by("place"):
        train(run.pk)

    runs = list(chain.runs.order_by("place").select_related("adapter"))
    assert [(run.status, run.reason) for run in runs] == [("done", "")] * 3
    tuned, scorer, policy = (run.adapter for run in runs)
    assert [tuned.name, scorer.name] == ["chain-sft-v1", "chain-reward-model-v1"]
    assert (policy.parent, runs[2].reward_model) == (tuned, scorer)
    assert policy.weights_sha256 != tuned.weights_sha256
    assert key_figure(scorer.figures).startswith("AUC ")
    assert "trial number alone" in key_figure(scorer.figures)


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Do something from another thread while the job runs; what it raises fails the test."""
    raised: list[BaseException] = []

    def work() -> None:
        try:
            act()
        except BaseException as error:
            raised.append(error)
            raise
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()
    assert raised == []


def wait_for_step(run: TrainingRun, step: int) -> None:
    limit = time.monotonic() + WAIT_SECONDS
    while TrainingRun.objects.get(pk=run.pk).step < step:
        assert time.monotonic() < limit, "it did not get there"
        time.sleep(0.05)


def trainers_of(run: TrainingRun) -> list[int]:
    """The processes that train a run."""
    mark = str(folder_of(run.pk).spec).encode()
    found = []
    for words in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if mark in words.read_bytes():
                found.append(int(words.parent.name))
    return found


def kill_trainer_after(run: TrainingRun, *, step: int) -> None:
    wait_for_step(run, step)
    for pid in trainers_of(run):
        os.kill(pid, signal.SIGKILL)


def stop_after_resume(run: TrainingRun) -> None:
    metrics = folder_of(run.pk).out / "metrics.jsonl"
    limit = time.monotonic() + WAIT_SECONDS
    while "resumed" not in metrics.read_text():
        assert time.monotonic() < limit, "it did not go on"
        time.sleep(0.05)
    assert stop(run.pk)


def signal_after(run: TrainingRun, *, step: int, number: int) -> None:
    wait_for_step(run, step)
    os.kill(os.getpid(), number)


def lose_lease(run: TrainingRun, *, step: int) -> None:
    """As if the worker had slept too long: another one took over and then died itself."""
    wait_for_step(run, step)
    past = timezone.now() - timedelta(seconds=1)
    TrainingRun.objects.filter(pk=run.pk).update(lease_holder="another", lease_expires_at=past)
