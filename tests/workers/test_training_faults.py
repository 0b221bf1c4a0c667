"""Faults of a training run as a worker meets them: each ends with a reason to act on."""

import os
import resource
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection
from safetensors.torch import load_file, save_file

from retro_core.training.spec import OptimisationSpec
from tests.core.training_world import make_base_model
from tests.workers.training_rows import tiny_base, tiny_run, tiny_snapshot
from webapp.adapters.models import Adapter
from webapp.training.models import TrainingRun
from webapp.training.services.runs import resume, stop
from workers import training_watch
from workers.episodes import STOP_SIGNAL
from workers.training import train
from workers.training_files import folder_of
from workers.training_watch import Watch

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("broker"),
    pytest.mark.timeout(300),
]
SMALL = OptimisationSpec(learning_rate=5e-3, batch_size=4, micro_batch_size=2, max_steps=2)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(autouse=True)
def _tiny(base: Path, settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.REFLECTOR_BASE_FOLDER = str(base)
    settings.CHILD_ENVIRONMENT = {**django_settings.CHILD_ENVIRONMENT, "OMP_NUM_THREADS": "1"}
    monkeypatch.setattr(training_watch, "TICK_SECONDS", 0.1)
    yield
    assert str(django_settings.PLACES.training).startswith("/tmp/")


def failed(run: TrainingRun) -> TrainingRun:
    """Train it, and check that it failed at once and left no adapter."""
    train(run.pk)

    run.refresh_from_db()
    assert run.status == "failed", run.reason
    assert run.unfinished_claims == 0
    assert not Adapter.objects.exists()
    return run


def stopped(run: TrainingRun) -> None:
    """Train until the first checkpoint, as a stop asked for at the start does."""
    folder = folder_of(run.pk)
    holds = threading.Thread(target=_ask_to_stop, args=(folder.out,))
    holds.start()
    train(run.pk)
    holds.join()
    run.refresh_from_db()
    assert run.status == "stopped", run.reason


def _ask_to_stop(out: Path) -> None:
    limit = time.monotonic() + 60
    while not (out / "spec.json").exists() and time.monotonic() < limit:
        time.sleep(0.02)
    (out / "stop").touch()


def test_a_run_that_goes_on_with_other_settings_fails_at_once_and_names_them() -> None:
    run = tiny_run(tiny_snapshot(), optimisation=SMALL)
    stopped(run)
    TrainingRun.objects.filter(pk=run.pk).update(spec=run.spec | {"seed": 8})
    assert resume(run.pk)

    failed(run)

    assert run.failure_code == "invalid_input"
    assert "another specification (seed was 7 and is now 8)" in run.reason
    assert "Set it back and resume, or launch a new run." in run.reason


def test_a_base_model_that_was_exchanged_is_noticed_when_a_run_goes_on(
    tmp_path: Path, settings
) -> None:
    settings.REFLECTOR_BASE_FOLDER = str(make_base_model(tmp_path / "base"))
    run = tiny_run(tiny_snapshot(), optimisation=SMALL)
    stopped(run)
    make_base_model(tmp_path / "base", seed=1)
    assert resume(run.pk)

    failed(run)

    assert run.failure_code == "wrong_base_model"
    assert "Choose the base model the snapshot and parent belong to" in run.reason


def test_a_loss_that_is_not_a_number_says_what_to_lower(tmp_path: Path, settings) -> None:
    broken = make_base_model(tmp_path / "broken")
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    settings.REFLECTOR_BASE_FOLDER = str(broken)

    run = failed(tiny_run(tiny_snapshot(), optimisation=SMALL))

    assert run.failure_code == "nan_loss"
    assert "at step 1. Lower optimisation.learning_rate" in run.reason


def test_labels_of_one_class_are_counted() -> None:
    snapshot = tiny_snapshot()
    run = tiny_run(snapshot, "reward_model", optimisation=SMALL)
    spec = run.spec | {"dataset": run.spec["dataset"] | {"accept_above": -5.0}}
    spec["reward_model"] = spec["reward_model"] | {"objective": "bce"}
    TrainingRun.objects.filter(pk=run.pk).update(spec=spec)

    failed(run)

    assert run.failure_code == "one_class_labels"
    assert "20 of 20 training reflections are rated above -5.0" in run.reason


def test_memory_that_runs_out_says_what_to_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retro_core.training.launch.MODULE", "tests.workers.greedy_trainer")

    run = failed(tiny_run(tiny_snapshot(), optimisation=SMALL))

    assert run.failure_code == "out_of_memory"
    assert "Lower optimisation.micro_batch_size" in run.reason


def test_a_disk_that_is_full_when_the_trainer_starts_asks_for_space() -> None:
    run = tiny_run(tiny_snapshot(), optimisation=SMALL)
    with limit_on_files(run, 30_000):  # less than the trainer sets aside for its result
        failed(run)

    assert run.failure_code == "disk_full"
    assert "Free some space and resume" in run.reason


def test_a_disk_that_fills_during_training_asks_for_space_and_keeps_the_checkpoint() -> None:
    run = tiny_run(tiny_snapshot(), optimisation=replace(SMALL, max_steps=4))
    out = folder_of(run.pk).out
    out.mkdir(parents=True)
    (out / "samples.jsonl").symlink_to("/dev/full")  # written first at step 3

    failed(run)

    assert run.failure_code == "disk_full"
    assert [path.parent.name for path in out.glob("checkpoint-*/SEALED")] == ["checkpoint-2"]


def test_a_trainer_that_leaves_no_result_hands_its_last_words_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("retro_core.training.launch.MODULE", "retro_core.no_trainer")

    run = failed(tiny_run(tiny_snapshot(), optimisation=SMALL))

    assert run.failure_code == "crashed"
    assert "No module named retro_core.no_trainer" in run.reason


def test_a_run_whose_folder_another_trainer_still_holds_is_taken_up_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = tiny_run(tiny_snapshot(), optimisation=SMALL)
    with monkeypatch.context() as patched:
        patched.setattr("retro_core.training.launch.MODULE", "tests.workers.refused_launcher")
        train(run.pk)
    run.refresh_from_db()
    refused = (run.status, run.reason, run.unfinished_claims)

    train(run.pk)

    run.refresh_from_db()
    assert refused == ("lost", "", 1)
    assert run.status == "done"


@pytest.mark.parametrize(("leaves", "status"), [(True, "queued"), (False, "stopped")])
def test_a_trainer_killed_after_the_grace_goes_on_elsewhere_unless_a_person_stopped_it(
    leaves: bool, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retro_core.training.launch.MODULE", "tests.workers.deaf_trainer")
    monkeypatch.setattr(training_watch, "STOP_GRACE_SECONDS", 0.0)
    monkeypatch.setattr(training_watch, "KILL_GRACE_SECONDS", 0.0)
    run = tiny_run(tiny_snapshot(), optimisation=SMALL)
    asks = threading.Thread(target=_ask_once_it_runs, args=(run, leaves))
    asks.start()

    train(run.pk)

    asks.join()
    run.refresh_from_db()
    assert (run.status, run.lease_holder) == (status, "")


@pytest.mark.parametrize(("leaves", "claims"), [(True, 0), (False, 5)])
def test_a_worker_asked_to_leave_did_not_crash_over_the_run_even_if_it_is_killed_next(
    leaves: bool, claims: int, tmp_path: Path
) -> None:
    run = tiny_run(tiny_snapshot(), optimisation=SMALL)
    TrainingRun.objects.filter(pk=run.pk).update(unfinished_claims=4)
    TrainingRun.objects.claim(run.pk, "this worker")
    trainer = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)
    watch = Watch(run, "this worker", trainer, tmp_path)
    if leaves:
        watch.leave()

    watch.look()

    trainer.kill()
    trainer.wait()
    run.refresh_from_db()
    assert (run.status, run.unfinished_claims) == ("starting", claims)
    assert (tmp_path / "stop").exists() is leaves


def _ask_once_it_runs(run: TrainingRun, leaves: bool) -> None:
    """Ask the worker to leave, as its own signal does, or the run to stop, as a person does."""
    limit = time.monotonic() + 60
    while TrainingRun.objects.get(pk=run.pk).status != "running" and time.monotonic() < limit:
        time.sleep(0.05)
    if leaves:
        os.kill(os.getpid(), STOP_SIGNAL)
    else:
        stop(run.pk)
    connection.close()


@contextmanager
def limit_on_files(run: TrainingRun, size: int) -> Iterator[None]:
    """Lower the size that the trainer's files may have, as soon as it has started."""
    thread = threading.Thread(target=_limit, args=(str(folder_of(run.pk).spec).encode(), size))
    thread.start()
    yield
    thread.join()


def _limit(mark: bytes, size: int) -> None:
    limit = time.monotonic() + 60
    while not (found := _processes(mark)) and time.monotonic() < limit:
        time.sleep(0.01)
    for pid in found:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, size))


def _processes(mark: bytes) -> list[int]:
    found = []
    for words in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if mark in words.read_bytes():
                found.append(int(words.parent.name))
    return found
