"""A training run from its row to its adapter, with a real trainer process on a tiny model."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from retro_core.training.spec import OptimisationSpec
from tests.workers.training_rows import tiny_base, tiny_run, tiny_snapshot
from webapp.adapters.models import Adapter
from webapp.adapters.services.registry import adapter_folder
from webapp.training.models import MetricPoint, Sample
from workers import training_watch
from workers.training import train

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker")]
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
    assert set(Sample.objects.values_list("step", flat=True)) == {3, 6}
    assert "step 6" in run.log_tail
