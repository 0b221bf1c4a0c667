"""Training in a browser: the dry run in place, a launch, live points, no violation by axe."""

from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from retro_core.training.presets import PRESETS
from tests.browser.test_accessibility import faults_of
from tests.core.training_world import make_base_model
from tests.webapp.training_world import made_adapter, taken_snapshot
from webapp.training.models import MetricPoint, Sample, TrainingRun
from webapp.training.services.pipelines import launch_pipeline
from webapp.training.services.runs import launch

expect.set_options(timeout=60_000)  # many tests share few cores
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("broker"),
    pytest.mark.timeout(600),
]


def live_run() -> TrainingRun:
    """A run at step 2 of 30, with samples of both evaluations."""
    spec = PRESETS["cpu-small"]["sft"]
    run = launch(name="live", snapshot=taken_snapshot("live"), spec=spec, preset="cpu-small")
    later = timezone.now() + timezone.timedelta(hours=1)
    TrainingRun.objects.filter(pk=run.pk).update(
        status="running", step=2, heartbeat_at=timezone.now(), lease_expires_at=later, log_tail="go"
    )
    for step, loss in ((1, 2.0), (2, 1.5)):
        add_point(run, step, loss)
        Sample.objects.create(run=run, line=step, step=step, prompt="What?", text=f"Try {step}.")
    return run


def add_point(run: TrainingRun, step: int, loss: float) -> None:
    MetricPoint.objects.create(
        run=run, split="train", name="loss", step=step, value=loss, seconds=10.0 * step
    )


def test_a_dry_run_shows_in_place_and_a_launch_leads_to_the_run(
    page: Page, settings, tmp_path: Path
) -> None:
    settings.REFLECTOR_BASE_FOLDER = str(make_base_model(tmp_path / "tiny"))
    taken_snapshot()
    page.goto("/training/new/")
    page.get_by_label("Name", exact=True).fill("from the browser")
    page.get_by_label("Snapshot").select_option(label="two")

    page.get_by_role("button", name="Dry run").click()

    expect(page.get_by_role("heading", name="Dry run")).to_be_visible()
    expect(page.locator("#dry-run")).to_contain_text("Nothing is held out")
    assert faults_of(page) == []
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_role("heading", name="from the browser")).to_be_visible()
    assert TrainingRun.objects.get().status == "queued"


def test_new_points_arrive_without_a_reload(page: Page) -> None:
    run = live_run()
    page.goto(f"/training/{run.pk}/")
    expect(page.locator("#curves")).to_be_visible()
    page.evaluate("window.sameDocument = true")

    add_point(run, 3, 1.25)

    page.wait_for_function("figures.loss.data[0].x.length === 3")
    assert page.evaluate("figures.loss.data[0].y") == [2.0, 1.5, 1.25]
    assert page.evaluate("window.sameDocument")


def test_no_training_page_has_a_violation(page: Page, settings, tmp_path: Path) -> None:
    settings.REFLECTOR_URL, settings.REFLECTOR_BASE_FOLDER = "http://127.0.0.1:9", "/models/served"
    run = live_run()
    pipeline = launch_pipeline(name="chain", snapshot=run.snapshot, preset="cpu-small", seed=0)
    adapter = made_adapter(tmp_path / "a")
    addresses = {
        "list": "/training/",
        "new": "/training/new/?stage=ppo",
        "run": f"/training/{run.pk}/",
        "compare": f"/training/compare/?a={run.pk}&b={pipeline.runs.first().pk}",
        "pipeline": f"/training/pipelines/{pipeline.pk}/",
        "new pipeline": "/training/pipelines/new/",
        "snapshots": "/training/snapshots/",
        "snapshot": f"/training/snapshots/{run.snapshot_id}/",
        "new snapshot": "/training/snapshots/new/",
        "adapters": "/adapters/",
        "adapter": f"/adapters/{adapter.pk}/",
    }
    faults = {}

    for name, address in addresses.items():
        page.goto(address)
        if found := faults_of(page):
            faults[name] = found

    assert not faults, "\n".join(f"{name}: {text}" for name, text in faults.items())
