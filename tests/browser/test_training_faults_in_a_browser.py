"""Faults of a training run as a person meets them: launched by the form, read on its page."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Page, expect
from safetensors.torch import load_file, save_file

from retro_core.training.adapters import CARD
from tests.core.training_world import make_base_model
from tests.webapp.training_world import made_adapter, taken_snapshot
from webapp.adapters.models import Adapter
from webapp.adapters.services.registry import adapter_folder
from webapp.training.models import TrainingRun
from workers import training_watch
from workers.training import train
from workers.training_files import folder_of

expect.set_options(timeout=60_000)  # many tests share few cores
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("broker"),
    pytest.mark.timeout(600),
]


@pytest.fixture(autouse=True)
def base(settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A tiny base model, and a worker that looks often."""
    folder = make_base_model(tmp_path / "tiny")
    settings.REFLECTOR_BASE_FOLDER = str(folder)
    settings.CHILD_ENVIRONMENT = {**django_settings.CHILD_ENVIRONMENT, "OMP_NUM_THREADS": "1"}
    monkeypatch.setattr(training_watch, "TICK_SECONDS", 0.1)
    yield folder
    assert str(django_settings.PLACES.training).startswith("/tmp/")


def launched(page: Page, choice: str = "stage=sft", parent: str = "") -> TrainingRun:
    """Fill the form and launch: two reflections of one prompt, both rated well."""
    taken_snapshot()
    page.goto(f"/training/new/?{choice}")
    page.get_by_label("Name", exact=True).fill("faulty")
    page.get_by_label("Snapshot", exact=True).select_option(label="two")
    if parent:
        page.get_by_label("Parent adapter").select_option(label=parent)
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_role("heading", name="faulty")).to_be_visible()
    return TrainingRun.objects.get()


def expect_failure(page: Page, run: TrainingRun, reason: str) -> None:
    """Do the worker's job; the open page then tells the reason, and nothing was registered."""
    known = Adapter.objects.count()

    train(run.pk)

    expect(page.locator("#live .status")).to_have_text("failed")
    expect(page.locator("#live .notice.error")).to_contain_text(reason)
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert Adapter.objects.count() == known
    assert not (folder_of(run.pk).out / "adapter").exists()


def test_labels_of_one_class_are_told(page: Page) -> None:
    # The paper's objective is bce; cpu-small's would take the two as a pair.
    run = launched(page, choice="stage=reward_model&preset=paper")

    expect_failure(page, run, "2 of 2 training reflections are rated above 0.0")


def test_a_parent_of_another_base_model_is_told(page: Page, tmp_path: Path) -> None:
    stranger = made_adapter(tmp_path / "stranger", "stranger")
    card = {"kind": "policy", "base_sha256": "b" * 64}
    (adapter_folder(stranger) / CARD).write_text(json.dumps(card))
    run = launched(page, parent="stranger-v1")

    expect_failure(page, run, "was made for the base model bbbbbbbbbbbb")


def test_a_loss_that_is_not_a_number_is_told(page: Page, base: Path) -> None:
    weights = load_file(base / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    run = launched(page)

    expect_failure(page, run, "Lower optimisation.learning_rate")


def test_a_full_disk_is_told(page: Page) -> None:
    run = launched(page)
    folder_of(run.pk).out.mkdir(parents=True)
    (folder_of(run.pk).out / "metrics.jsonl").symlink_to("/dev/full")

    expect_failure(page, run, "Free some space and resume")


def test_exhausted_memory_is_told(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    run = launched(page)
    monkeypatch.setattr("retro_core.training.launch.MODULE", "tests.workers.greedy_trainer")

    expect_failure(page, run, "Lower optimisation.micro_batch_size")
