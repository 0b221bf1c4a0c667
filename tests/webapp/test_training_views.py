"""Pages of snapshots, training runs, pipelines and adapters, for those who may and may not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from retro_core.training.presets import PRESETS
from tests.webapp.pages import text
from tests.webapp.played import client_of, played_experiment
from tests.webapp.training_world import made_adapter, taken_snapshot
from webapp.adapters.models import Promotion
from webapp.training.models import MetricPoint, Sample, Snapshot, TrainingRun
from webapp.training.services.ending import fail
from webapp.training.services.runs import launch

pytestmark = pytest.mark.django_db
PAGES = ["/training/", "/training/snapshots/", "/training/compare/", "/adapters/"]
FORMS = ["/training/new/", "/training/snapshots/new/", "/training/pipelines/new/"]


@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


@pytest.fixture
def researcher() -> Client:
    return client_of("researcher")


def partial(client: Client, path: str, target: str) -> HttpResponse:
    return client.get(path, headers={"HX-Request": "true", "HX-Target": target})


def queued_run(name: str = "first", snapshot: Snapshot | None = None) -> TrainingRun:
    spec = PRESETS["cpu-small"]["sft"]
    return launch(
        name=name, snapshot=snapshot or taken_snapshot(name), spec=spec, preset="cpu-small"
    )


def form_values(client: Client, path: str) -> dict[str, object]:
    """What a browser would send of the untouched form."""
    form = client.get(path).context["form"]
    values = {field.html_name: field.value() for field in form}
    return {
        name: value for name, value in values.items() if value is not None and value is not False
    }


@pytest.mark.parametrize("path", [*PAGES, *FORMS])
def test_a_stranger_is_sent_to_the_sign_in(path: str) -> None:
    assert Client().get(path)["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("path", PAGES)
def test_empty_pages_say_what_to_do(viewer: Client, path: str) -> None:
    page = text(viewer.get(path))

    assert "yet" in page or "Choose two runs" in page


@pytest.mark.parametrize("path", FORMS)
def test_training_is_for_researchers(viewer: Client, path: str) -> None:
    assert viewer.get(path).status_code == 403
    assert viewer.post(path).status_code == 403


def test_who_only_looks_can_neither_stop_nor_promote(viewer: Client, tmp_path: Path) -> None:
    run, adapter = queued_run(), made_adapter(tmp_path / "a")

    answers = [
        viewer.post(f"/training/{run.pk}/do/stop/"),
        viewer.post(f"/adapters/{adapter.pk}/promote/"),
        viewer.post(f"/adapters/{adapter.pk}/try/"),
        viewer.post(f"/adapters/{adapter.pk}/evaluate/"),
        viewer.post("/adapters/roll-back/"),
    ]

    assert [answer.status_code for answer in answers] == [403] * 5


def test_a_failed_run_says_why_and_offers_to_go_on(researcher: Client, viewer: Client) -> None:
    run = queued_run()
    assert TrainingRun.objects.claim(run.pk, "worker")
    assert fail(run.pk, "worker", code="disk_full", reason="The disk is full.")
    address = f"/training/{run.pk}/"

    page, seen = text(researcher.get(address)), text(viewer.get(address))

    reason = '<div class="notice error" role="status">The disk is full.</div>'
    assert reason in page
    assert reason in seen
    assert f'action="{address}do/resume/"' in page
    assert "do/resume" not in seen
    assert 'title="The disk is full."' in text(viewer.get("/training/"))


def test_a_promotion_is_asked_for_and_its_page_shows_how_far_it_is(
    researcher: Client, tmp_path: Path, settings
) -> None:
    settings.REFLECTOR_URL = "http://127.0.0.1:9"
    adapter = made_adapter(tmp_path / "a")
    address = f"/adapters/{adapter.pk}/"

    answer = researcher.post(f"{address}promote/", {"to": "staging", "reason": "It plans."})
    again = researcher.post(f"{address}promote/", {"to": "staging", "reason": "Again."})

    asked = Promotion.objects.get()
    assert (answer.status_code, again.status_code) == (302, 422)
    assert "is being promoted or rolled back already" in text(again)
    assert (asked.status, asked.reason, asked.adapter) == ("pending", "It plans.", adapter)
    assert "Promotion to staging: pending" in text(researcher.get(address))
    partial = {"HX-Request": "true", "HX-Target": "promotion"}
    assert "Load the page again" not in text(researcher.get(address, headers=partial))
    Promotion.objects.update(status="refused", told="The server is away.")
    ended = researcher.get(address, headers=partial)
    assert "HX-Refresh" not in ended  # another form on the page may be half filled in
    assert "Load the page again" in text(ended)
    assert "Load the page again" not in text(researcher.get(address))
    assert "refused. The server is away." in " ".join(text(ended).replace("</b>", "").split())


def test_nothing_is_rolled_back_where_nothing_is_in_production(researcher: Client) -> None:
    answer = researcher.post("/adapters/roll-back/", follow=True)

    assert "No adapter is in production." in text(answer)
    assert not Promotion.objects.exists()


def test_writes_are_post_alone(researcher: Client, tmp_path: Path) -> None:
    run, adapter = queued_run(), made_adapter(tmp_path / "a")

    paths = [
        f"/training/{run.pk}/do/stop/",
        f"/adapters/{adapter.pk}/promote/",
        "/adapters/roll-back/",
    ]

    assert [researcher.get(path).status_code for path in paths] == [405] * 3
    assert researcher.post("/training/").status_code == 405


def test_a_snapshot_is_taken_from_the_form_and_exported(researcher: Client) -> None:
    played_experiment()
    values = form_values(researcher, "/training/snapshots/new/")

    sent = values | {"name": "all", "rating_source": "effective", "repeats": "keep"}
    answer = researcher.post("/training/snapshots/new/", sent)

    snapshot = Snapshot.objects.get()
    assert answer["Location"] == f"/training/snapshots/{snapshot.pk}/"
    page = text(researcher.get(answer["Location"]))
    assert "+0.75" in page
    assert "+0.50" in page
    exported = researcher.get(f"{answer['Location']}items.jsonl")
    lines = [json.loads(line) for line in b"".join(exported).splitlines()]
    assert sorted(line["rating"] for line in lines) == [0.5, 0.75]
    assert {line["source"] for line in lines} == {"model"}


def test_a_query_that_finds_nothing_is_told(researcher: Client) -> None:
    values = form_values(researcher, "/training/snapshots/new/")

    sent = values | {"name": "none", "rating_source": "human", "repeats": "exact"}
    answer = researcher.post("/training/snapshots/new/", sent)

    assert answer.status_code == 422
    assert "finds no rated reflection" in text(answer)


@pytest.mark.parametrize(
    ("field", "nonsense"),
    [
        ("validation_share", "2"),
        ("seed", "-1"),
        ("seed", "9" * 40),
        ("rating_source", "dice"),
        ("experiments", "999999"),
        ("name", "a\0b"),
    ],
)
def test_nonsense_in_a_query_is_refused(researcher: Client, field: str, nonsense: str) -> None:
    sent = {"name": "x", "rating_source": "effective", "repeats": "exact", "seed": "0"}
    sent |= {"validation_share": "0.2", field: nonsense}

    assert researcher.post("/training/snapshots/new/", sent).status_code == 422


def test_the_run_page_shows_state_figures_and_samples(viewer: Client) -> None:
    run = queued_run()
    MetricPoint.objects.create(run=run, split="train", name="loss", step=1, value=2.5)
    Sample.objects.create(run=run, line=1, step=1, prompt="What?", text="Open it first.", reward=1)

    page = text(viewer.get(f"/training/{run.pk}/"))

    assert "Open it first." in page
    assert "+1.00" in page
    assert '"y": [2.5]' in page


def test_a_live_page_asks_only_for_what_changed(viewer: Client) -> None:
    run = queued_run()
    path = f"/training/{run.pk}/"
    cursor = viewer.get(path).context["cursor"]

    assert partial(viewer, f"{path}?cursor={cursor}", "live").status_code == 204
    assert partial(viewer, f"{path}?cursor=old", "live").status_code == 200


def test_only_new_points_travel(viewer: Client) -> None:
    run = queued_run()
    points = [
        MetricPoint.objects.create(run=run, split="train", name="loss", step=step, value=1 / step)
        for step in (1, 2, 4)
    ]

    answer = viewer.get(f"/training/{run.pk}/points.json?after={points[1].pk}").json()

    assert answer == {
        "points": [["loss", "train", 4, 0.25]],
        "newest": points[2].pk,
        "moving": True,
    }


def test_a_run_without_a_renewed_lease_shows_as_lost(viewer: Client) -> None:
    run = queued_run()
    past = timezone.now() - timezone.timedelta(seconds=1)
    TrainingRun.objects.filter(pk=run.pk).update(status="running", lease_expires_at=past)

    assert ">lost<" in text(viewer.get(f"/training/{run.pk}/"))


def test_stop_and_resume(researcher: Client) -> None:
    run = queued_run()

    researcher.post(f"/training/{run.pk}/do/stop/")
    stopped = TrainingRun.objects.get().status
    researcher.post(f"/training/{run.pk}/do/resume/")

    assert (stopped, TrainingRun.objects.get().status) == ("stopped", "queued")
    assert researcher.post(f"/training/{run.pk}/do/explode/").status_code == 404


def test_a_deleted_run_leaves_the_list_and_can_be_restored(researcher: Client) -> None:
    run = queued_run()
    path = f"/training/{run.pk}/"
    researcher.post(f"{path}do/delete/")
    assert ">first<" in text(researcher.get("/training/"))  # a queued one stays

    researcher.post(f"{path}do/stop/")
    researcher.post(f"{path}do/delete/")
    assert ">first<" not in text(researcher.get("/training/"))
    assert "Restore" in text(researcher.get(path))

    researcher.post(f"{path}do/restore/")
    assert ">first<" in text(researcher.get("/training/"))


def test_two_runs_are_compared_setting_by_setting(viewer: Client) -> None:
    first = queued_run("first")
    spec = PRESETS["cpu-small"]["sft"]
    faster = replace(spec, optimisation=replace(spec.optimisation, learning_rate=0.5))
    second = launch(name="second", snapshot=first.snapshot, spec=faster, preset="cpu-small")

    page = viewer.get(f"/training/compare/?a={first.pk}&b={second.pk}")

    changes = [(c.name, c.before, c.after) for c in page.context["differences"]]
    assert changes == [("optimisation.learning_rate", "0.0005", "0.5")]
    assert "different snapshots" not in text(page)
    assert viewer.get("/training/compare/?a=x&b=99999999999999999999").status_code == 200


def test_an_adapter_page_shows_its_card_and_lineage(researcher: Client, tmp_path: Path) -> None:
    run, adapter = queued_run(), made_adapter(tmp_path / "a")
    TrainingRun.objects.filter(pk=run.pk).update(status="done", adapter=adapter)

    page = text(researcher.get(f"/adapters/{adapter.pk}/"))

    assert "house-v1" in page
    assert f'<a href="/training/{run.pk}/">first</a>' in page
    assert "2 rated reflections" in page


def test_what_is_not_there_is_a_404(researcher: Client) -> None:
    paths = ["/training/9/", "/training/snapshots/9/", "/training/pipelines/9/", "/adapters/9/"]

    assert [researcher.get(path).status_code for path in paths] == [404] * 4
