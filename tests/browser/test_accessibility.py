"""No accessibility violations by axe, no script error and no sideways scrolling, on any page."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.auth.models import User
from playwright.sync_api import Page

from retro_core.training.presets import PRESETS
from tests.webapp.played import long_episode, new_experiment, play, played_experiment
from tests.webapp.training_world import made_adapter, taken_snapshot
from webapp.adapters.models import Adapter, Promotion
from webapp.episodes.models import Episode
from webapp.experiments.models import Experiment
from webapp.reports.models import Report
from webapp.reports.services import reviews, saving
from webapp.training.models import TrainingRun
from webapp.training.services.runs import launch

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# Structure depends on the width and contrast on the theme, so that two looks cover all four.
LOOKS = [("desktop", 1280, "light"), ("phone", 390, "dark")]
# Plotly draws these itself; the numbers are in the table below the figures.
OPTIONS = {"exclude": [[".figure"]]}


def addresses() -> dict[str, str]:
    """One address for each kind of page, in a state that shows much of it."""
    played = played_experiment("played doors")
    live = new_experiment("live doors")
    Experiment.objects.filter(pk=live.pk).update(
        status=Experiment.Status.RUNNING, status_message="The endpoint is slow."
    )
    rows = live.experiment_tasks.select_related("task").order_by("position")
    play(rows[0], [0.5])
    long_episode(rows[1], steps=3, observation="wall " * 400)
    live.experiment_tasks.filter(position=2).update(live_trial=1, live_step=2, live_action="leave")
    failed = Episode.objects.get(experiment=played, task__key="doors-1", trial=1)
    cut = Episode.objects.get(experiment=live, task=rows[1].task)
    report = written_report(played)
    adapter = promoted_adapter()
    return {
        "list": "/experiments/",
        "nothing found": "/experiments/?q=nothing",
        "grouped": "/experiments/?group=method&cols=curve,delta,alpha,tags",
        "saved views": "/experiments/views/",
        "compare": f"/experiments/compare/?ids={played.pk},{live.pk}&flip=broke&of={live.pk}",
        "nothing to compare": "/experiments/compare/",
        "trial": f"/experiments/{played.pk}/trials/1/",
        "new": "/experiments/new/",
        "upload": "/data/import/",
        "experiment": f"/experiments/{played.pk}/",
        "live": f"/experiments/{live.pk}/",
        "task": f"/experiments/{played.pk}/tasks/{failed.task_id}/",
        "episode": f"/episodes/{failed.pk}/",
        "cut texts": f"/episodes/{cut.pk}/",
        "step": f"/episodes/{failed.pk}/steps/2/",
        "reflections": "/reflections/",
        "worst reflections": "/reflections/?sort=worst",
        "failure atlas": "/atlas/",
        "episodes": "/episodes/?kind=invalid",
        "task sets": "/task-sets/",
        "task set": f"/task-sets/{played.task_set_id}/",
        "worlds": "/worlds/",
        "world": "/worlds/alfworld/",
        "search": "/search/?q=door",
        "search in actions": "/search/?q=leave&scope=action&order=best",
        "reports": "/reports/",
        "report": f"/reports/{report.pk}/",
        "edit report": f"/reports/{report.pk}/edit/",
        "curves of runs": "/training/curves/",
        "new training run": "/training/new/",
        "adapter with its forms": f"/adapters/{adapter.pk}/",
        "lineage": f"/adapters/{adapter.pk}/lineage/",
        "written with it": f"/adapters/{adapter.pk}/lineage/?show=written",
        "password": "/password/",
        "people": "/people/",
        "missing": "/experiments/999999/",
    }


def promoted_adapter() -> Adapter:
    """An adapter of a run whose promotion was refused."""
    snapshot = taken_snapshot()
    spec = PRESETS["cpu-small"]["sft"]
    run = launch(name="tuned", snapshot=snapshot, spec=spec, preset="cpu-small")
    adapter = made_adapter(settings.PLACES.training / "made")
    TrainingRun.objects.filter(pk=run.pk).update(status="done", adapter=adapter)
    Promotion.objects.create(
        adapter=adapter, to_stage="staging", status="refused", told="The server is away."
    )
    return adapter


def written_report(played: Experiment) -> Report:
    """A report with a block of each kind, and a review that waits."""
    author = User.objects.create_user("ann")
    reflection = played.reflections.all()[0]
    fences = [
        f"```curve frozen\nexperiments: {played.pk}\n```",
        f"```experiments\nexperiments: {played.pk}\n```",
        f"```episode\nepisode: {reflection.episode_id}\n```",
        f"```reflection\nreflection: {reflection.pk}\n```",
    ]
    report = saving.create("Doors", "\n\n".join(["# What we saw", *fences]), author)
    reviews.ask(report, author, User.objects.get(username="admin"), "Is the curve right?")
    return report


def faults_of(page: Page) -> list[str]:
    """Violations at desktop width in light and at phone width in dark."""
    axe, faults = Axe(), []
    for name, width, theme in LOOKS:
        page.set_viewport_size({"width": width, "height": 860})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            faults.append(f"{name}: scrolls sideways")
        found = axe.run(page, context=OPTIONS)
        if found.violations_count:
            faults.append(f"{name} {theme}: {found.generate_report()}")
    return faults


@pytest.mark.timeout(400)  # every page, twice, on few cores
def test_no_page_has_a_violation(page: Page) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    faults = {}

    for name, address in addresses().items():
        page.goto(address)
        if found := faults_of(page):
            faults[name] = found

    assert not faults, "\n".join(f"{name}: {text}" for name, text in faults.items())
    assert errors == []


def test_the_door_has_no_violation(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in/")

    assert faults_of(page) == []
