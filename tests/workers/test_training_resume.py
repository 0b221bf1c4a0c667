"""After kill -9 of the trainer a worker goes on with the losses of an undisturbed run."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from django.conf import settings as django_settings

from retro_core.training.spec import OptimisationSpec, RewardSpec, read_spec
from tests.core.training_world import metrics, tiny_spec, write_snapshot
from tests.core.training_world import train as train_here
from tests.workers.training_rows import tiny_base, tiny_run, tiny_snapshot
from webapp.adapters.models import Adapter
from webapp.adapters.services.registry import Made, register
from webapp.training.models import MetricPoint, TrainingRun
from webapp.training.services.runs import launch, resume
from workers import training_watch
from workers.training import train
from workers.training_files import folder_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("broker"),
    pytest.mark.timeout(300),
]
STEPS = 30  # far more than are trained before the kill
RATES = OptimisationSpec(learning_rate=5e-3, batch_size=4, micro_batch_size=2, max_steps=STEPS)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(autouse=True)
def _tiny(base: Path, settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.REFLECTOR_BASE_FOLDER = str(base)
    settings.CHILD_ENVIRONMENT = {**django_settings.CHILD_ENVIRONMENT, "OMP_NUM_THREADS": "1"}
    monkeypatch.setattr(training_watch, "TICK_SECONDS", 0.1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums must be added up in the same order in both processes
    yield
    torch.set_num_threads(threads)
    assert str(django_settings.PLACES.training).startswith("/tmp/")


@pytest.mark.parametrize("stage", ["sft", "reward_model", "ppo", "grpo"])
def test_a_killed_trainer_resumes_to_the_losses_of_an_undisturbed_run(
    stage: str, base: Path, tmp_path: Path
) -> None:
    run = queued(stage, base, tmp_path)
    killer = threading.Thread(target=kill_after, args=(run, 5))
    killer.start()
    train(run.pk)
    killer.join()
    run.refresh_from_db()
    died = (run.status, run.failure_code)

    assert resume(run.pk)
    train(run.pk)

    run.refresh_from_db()
    whole = undisturbed(run, tmp_path / "whole")
    assert died == ("failed", "killed")
    assert (run.status, run.step, run.reason) == ("done", STEPS, "")
    assert '"resumed": true' in (folder_of(run.pk).out / "metrics.jsonl").read_text()
    losses = MetricPoint.objects.filter(run=run, split="train", name="loss").order_by("step")
    assert dict(losses.values_list("step", "value")) == metrics(whole, "loss")
    assert losses.count() == STEPS


def queued(stage: str, base: Path, scratch: Path) -> TrainingRun:
    """A run of the stage; a policy is rewarded by a small reward model made here."""
    snapshot = tiny_snapshot()
    if stage in {"sft", "reward_model"}:
        return tiny_run(snapshot, stage, optimisation=RATES)
    spec = replace(
        tiny_spec(Path("unused"), stage, optimisation=RATES), reward=RewardSpec(kind="reward_model")
    )
    scorer = made_scorer(base, scratch)
    return launch(
        name="tiny", snapshot=snapshot, spec=spec, preset="cpu-small", reward_model=scorer
    )


def made_scorer(base: Path, scratch: Path) -> Adapter:
    """A reward model of two steps, registered."""
    spec = tiny_spec(scratch, "reward_model", optimisation=replace(RATES, max_steps=2))
    write_snapshot(scratch / "snapshot.jsonl")
    spec = replace(spec, base_model=replace(spec.base_model, folder=str(base)))
    outcome = train_here(spec, scratch / "scorer")
    made = Made("reward_model", "scorer", outcome.checksum, outcome.base_sha256, outcome.step)
    return register(scratch / "scorer" / outcome.adapter, made)


def undisturbed(run: TrainingRun, out: Path) -> Path:
    """The folder of the same run, trained within this process without a break."""
    outcome = train_here(read_spec(folder_of(run.pk).spec), out)
    assert outcome.status == "done", outcome.reason
    return out


def kill_after(run: TrainingRun, step: int) -> None:
    """Send SIGKILL to the trainer once it has told a step."""
    told, mark = folder_of(run.pk).out / "metrics.jsonl", str(folder_of(run.pk).spec).encode()
    limit = time.monotonic() + 120
    while f'"step": {step},' not in (told.read_text() if told.exists() else ""):
        assert time.monotonic() < limit, "it did not get there"
        time.sleep(0.005)
    for words in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if mark in words.read_bytes():
                os.kill(int(words.parent.name), signal.SIGKILL)
