"""Pages of snapshots, training runs, pipelines and adapters, for those who may and may not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from retro_core.training.presets import PRESETS
from tests.webapp.played import client_of, played_experiment
from tests.webapp.training_world import made_adapter, mixed_snapshot, taken_snapshot
from webapp.adapters.models import Promotion
from webapp.episodes.models import Reflection
from webapp.experiments.models import Experiment
from webapp.training.models import MetricPoint, Pipeline, Sample, Snapshot, TrainingRun
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.runs import launch
from webapp.training.services.snapshots import freeze

pytestmark = pytest.mark.django_db
PAGES = ["/training/", "/training/snapshots/", "/training/compare/", "/adapters/"]
FORMS = ["/training/new/", "/training/snapshots/new/", "/training/pipelines/new/"]


@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


@pytest.fixture
def researcher() -> Client:
    return client_of("researcher")


def text(response: HttpResponse) -> str:
    return " ".join(response.content.decode().split())


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
    assert "HX-Refresh" not in researcher.get(address, headers=partial)
    Promotion.objects.update(status="refused", told="The server is away.")
    ended = researcher.get(address, headers=partial)
    assert ended["HX-Refresh"] == "true"
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


def test_the_launch_page_takes_stage_and_preset_from_the_address(researcher: Client) -> None:
    page = researcher.get("/training/new/?stage=ppo&preset=paper_rank_1")

    assert page.context["form"]["optimisation__batch_size"].value() == 64
    assert page.context["form"]["lora__rank"].value() == 1
    assert "Choose a reward model" in text(page)


def test_words_that_mean_nothing_give_the_usual_page(researcher: Client) -> None:
    page = researcher.get("/training/new/?stage=dance&preset=%00&snapshot=x&parent=-3")

    assert (page.status_code, page.context["stage"], page.context["preset"]) == (
        200,
        "sft",
        "cpu-small",
    )


def test_a_launched_run_waits_for_a_worker(researcher: Client) -> None:
    snapshot = taken_snapshot()
    values = form_values(researcher, "/training/new/")

    sent = values | {"name": "Mine", "snapshot": snapshot.pk, "launch": "1"}
    answer = researcher.post("/training/new/", sent)

    run = TrainingRun.objects.get()
    assert answer["Location"] == f"/training/{run.pk}/"
    # two items in batches of 8 are one update an epoch, but the preset says 30
    assert (run.status, run.steps_total, run.adapter_family) == ("queued", 12, "mine")
    assert run.spec == replace(PRESETS["cpu-small"]["sft"]).to_json()


@pytest.mark.parametrize(
    ("field", "nonsense", "word"),
    [
        ("optimisation__learning_rate", "NaN", "number"),
        ("optimisation__batch_size", "0", "greater"),
        ("lora__rank", "1e9", "whole"),
        ("precision", "8bit", "valid"),
        ("snapshot", "4711", "valid"),
        ("adapter_family", "../../etc", "slug"),
    ],
)
def test_nonsense_in_a_launch_is_refused(
    researcher: Client, field: str, nonsense: str, word: str
) -> None:
    values = form_values(researcher, "/training/new/")
    sent = values | {"name": "Mine", "snapshot": taken_snapshot().pk, field: nonsense}

    answer = researcher.post("/training/new/", sent)

    assert answer.status_code == 422
    assert word in text(answer)
    assert not TrainingRun.objects.exists()


def test_a_live_query_is_frozen_at_launch_and_not_by_a_dry_run(researcher: Client) -> None:
    played_experiment()
    path = "/training/new/?stage=sft&preset=cpu-small"
    page = researcher.get(path).context["form"]
    query = {field.html_name: field.value() for field in page.query if field.value() is not None}
    sent = form_values(researcher, path) | query | {"name": "from a query", "snapshot": ""}
    sent |= {"query-rating_source": "effective", "query-repeats": "keep"}

    researcher.post(path, sent | {"dry_run": "1"})
    assert not Snapshot.objects.exists()
    answer = researcher.post(path, sent | {"query-validation_share": "0", "launch": "1"})

    run = TrainingRun.objects.get()
    assert answer["Location"] == f"/training/{run.pk}/"
    assert (run.snapshot.name, run.snapshot.items_count) == ("from a query: its query", 2)


def test_a_launch_with_neither_snapshot_nor_a_query_that_finds_something_is_refused(
    researcher: Client,
) -> None:
    path = "/training/new/?stage=sft&preset=cpu-small"
    sent = form_values(researcher, path) | {"name": "nothing", "snapshot": "", "launch": "1"}

    nothing_said = researcher.post(path, sent)
    query = {"query-rating_source": "human", "query-repeats": "keep"}
    nothing_found = researcher.post(
        path, sent | query | {"query-validation_share": "0", "query-seed": "0"}
    )

    assert (nothing_said.status_code, nothing_found.status_code) == (422, 422)
    assert "mend the query" in text(nothing_said)
    assert "finds no rated reflection" in text(nothing_found)
    assert not TrainingRun.objects.exists()


def test_ppo_from_retries_needs_no_reward_model_but_failures_that_can_be_played(
    researcher: Client,
) -> None:
    snapshot = taken_snapshot()
    path = "/training/new/?stage=ppo&preset=cpu-small"
    sent = form_values(researcher, path) | {"name": "retried", "snapshot": snapshot.pk}
    sent |= {"reward__kind": "retries", "launch": "1"}

    Experiment.objects.update(source=Experiment.Source.IMPORTED)
    refused = researcher.post(path, sent)
    Experiment.objects.update(source=Experiment.Source.PLAYED)
    launched = researcher.post(path, sent)

    assert refused.status_code == 422
    assert "2 of 2 items of two cannot be played again" in text(refused)
    assert launched.status_code == 302
    run = TrainingRun.objects.get()
    assert (run.reward_model, run.spec["reward"]["kind"]) == (None, "retries")


def test_ppo_needs_batches_of_whole_minibatches(researcher: Client, tmp_path: Path) -> None:
    path = "/training/new/?stage=ppo"
    scorer = made_adapter(tmp_path / "r", "scorer", kind="reward_model")
    sent = form_values(researcher, path) | {
        "name": "Mine",
        "snapshot": taken_snapshot().pk,
        "reward_model": scorer.pk,
        "ppo__minibatch_size": "3",
    }

    answer = researcher.post(path, sent)

    assert "must be a multiple of ppo.minibatch_size" in text(answer)


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
    assert viewer.get("/training/compare/?a=x&b=99999999999999999999").status_code == 200


def test_a_pipeline_is_three_runs_of_which_one_is_queued(researcher: Client) -> None:
    sent = {"name": "chain", "snapshot": mixed_snapshot().pk, "preset": "cpu-small", "seed": "3"}

    answer = researcher.post("/training/pipelines/new/", sent)

    pipeline = Pipeline.objects.get()
    assert answer["Location"] == f"/training/pipelines/{pipeline.pk}/"
    runs = pipeline.runs.order_by("place").values_list("stage", "status", "seed")
    assert list(runs) == [
        ("sft", "queued", 3),
        ("reward_model", "waiting", 3),
        ("ppo", "waiting", 3),
    ]
    assert "Reward model" in text(researcher.get(answer["Location"]))
    assert [run.spec["optimisation"]["max_steps"] for run in pipeline.runs.order_by("place")] == [
        12,
        12,
        6,
    ]


def test_a_pipeline_can_be_cut_short_and_its_warm_up_with_it(researcher: Client) -> None:
    sent = {"name": "chain", "snapshot": mixed_snapshot().pk, "preset": "cpu-small", "seed": "3"}

    researcher.post("/training/pipelines/new/", sent | {"most_updates": "2"})

    rates = [run.spec["optimisation"] for run in Pipeline.objects.get().runs.order_by("place")]
    assert [(one["max_steps"], one["warmup_steps"]) for one in rates] == [(2, 1), (2, 1), (2, 0)]


def test_a_pipeline_that_must_end_halfway_is_refused_before_it_starts(researcher: Client) -> None:
    played_experiment()
    Reflection.objects.update(effective_rating=-0.5)
    unhelpful = freeze(BufferQuery(validation_share=0.0, repeats="keep"), name="unhelpful")
    sent = {"name": "chain", "snapshot": unhelpful.pk, "preset": "cpu-small", "seed": "3"}

    answer = researcher.post("/training/pipelines/new/", sent)

    assert answer.status_code == 422
    assert "Supervised tuning: None of the 2 training reflections is rated above" in text(answer)
    assert not Pipeline.objects.exists()


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
