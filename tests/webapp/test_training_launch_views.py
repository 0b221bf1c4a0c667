"""The launch forms of runs and pipelines: presets, frozen queries, and nonsense refused."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.test import Client

from retro_core.training.presets import PRESETS
from tests.webapp.pages import text
from tests.webapp.played import client_of, played_experiment
from tests.webapp.training_world import made_adapter, mixed_snapshot, taken_snapshot
from webapp.episodes.models import Reflection
from webapp.experiments.models import Experiment
from webapp.training.models import Pipeline, Snapshot, TrainingRun
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.pipelines import launch_pipeline
from webapp.training.services.snapshots import freeze

pytestmark = pytest.mark.django_db


@pytest.fixture
def researcher() -> Client:
    return client_of("researcher")


def form_values(client: Client, path: str) -> dict[str, object]:
    """What a browser would send of the untouched form."""
    form = client.get(path).context["form"]
    values = {field.html_name: field.value() for field in form}
    return {
        name: value for name, value in values.items() if value is not None and value is not False
    }


def test_the_launch_page_takes_stage_and_preset_from_the_address(researcher: Client) -> None:
    page = researcher.get("/training/new/?stage=ppo&preset=paper_rank_1")

    scale = page.context["form"]["lora__alpha"].help_text
    assert scale == "Scale of the update is alpha / rank."  # without the note's mark
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


def test_a_dry_run_without_the_base_model_on_this_machine_says_so(
    researcher: Client, settings
) -> None:
    settings.REFLECTOR_BASE_FOLDER = "/nowhere"
    values = form_values(researcher, "/training/new/")
    sent = values | {"name": "Mine", "snapshot": taken_snapshot().pk, "dry_run": "1"}

    answer = researcher.post("/training/new/", sent)

    assert answer.status_code == 422
    assert "/nowhere&#x27; is not a folder of this machine" in answer.content.decode()


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/training/new/", {"dry_run": "1"}),
        ("/training/new/", {"launch": "1"}),
        ("/training/pipelines/new/", {}),
    ],
)
def test_nothing_is_trained_for_a_server_whose_model_nobody_named(
    path: str, sent: dict[str, str], researcher: Client, settings
) -> None:
    settings.REFLECTOR_URL, settings.REFLECTOR_BASE_FOLDER = "http://tgi:80", ""
    values = form_values(researcher, path) | {"name": "Mine", "snapshot": taken_snapshot().pk}

    answer = researcher.post(path, values | sent)

    assert answer.status_code == 422
    assert "REFLECTOR_URL is http://tgi:80" in text(answer)
    assert "Set REFLECTOR_BASE_FOLDER to the folder" in text(answer)
    assert not TrainingRun.objects.exists()


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


def test_a_pipeline_whose_stages_are_all_stopped_is_at_rest(researcher: Client) -> None:
    chain = launch_pipeline(name="chain", snapshot=taken_snapshot(), preset="cpu-small", seed=0)
    address = f"/training/pipelines/{chain.pk}/"
    assert 'hx-trigger="every' in text(researcher.get(address))

    for run in chain.runs.all():
        assert 'id="act-stop"' in text(researcher.get(f"/training/{run.pk}/"))
        researcher.post(f"/training/{run.pk}/do/stop/")

    assert set(chain.runs.values_list("status", flat=True)) == {"stopped"}
    assert 'hx-trigger="every' not in text(researcher.get(address))


def test_a_pipeline_can_be_cut_short_and_its_warm_up_with_it(researcher: Client) -> None:
    sent = {"name": "chain", "snapshot": mixed_snapshot().pk, "preset": "cpu-small", "seed": "3"}

    researcher.post("/training/pipelines/new/", sent | {"most_updates": "2"})

    rates = [run.spec["optimisation"] for run in Pipeline.objects.get().runs.order_by("place")]
    assert [(one["max_steps"], one["warmup_steps"]) for one in rates] == [(2, 1), (2, 1), (2, 0)]


def test_a_pipeline_wraps_prompts_as_the_served_model_reads_them(researcher: Client) -> None:
    path = "/training/pipelines/new/"
    sent = {"name": "chain", "snapshot": mixed_snapshot().pk, "preset": "cpu-small", "seed": "3"}

    refused = researcher.post(path, sent | {"chat_template": "morse"})
    researcher.post(path, sent | {"chat_template": "llama3"})
    researcher.post(path, sent | {"name": "as preset", "chat_template": ""})

    assert refused.status_code == 422
    runs = TrainingRun.objects.order_by("pk")
    used = [run.spec["tokens"]["chat_template"] for run in runs]
    assert used == ["llama3"] * 3 + ["chatml"] * 3
    assert runs[0].spec["tokens"]["prompt"] == PRESETS["cpu-small"]["sft"].tokens.prompt


def test_a_pipeline_that_must_end_halfway_is_refused_before_it_starts(researcher: Client) -> None:
    played_experiment()
    Reflection.objects.update(effective_rating=-0.5)
    unhelpful = freeze(BufferQuery(validation_share=0.0, repeats="keep"), name="unhelpful")
    sent = {"name": "chain", "snapshot": unhelpful.pk, "preset": "cpu-small", "seed": "3"}

    answer = researcher.post("/training/pipelines/new/", sent)

    assert answer.status_code == 422
    assert "Supervised tuning: None of the 2 training reflections is rated above" in text(answer)
    assert not Pipeline.objects.exists()
