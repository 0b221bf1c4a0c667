"""From an adapter back to every rating and person, and forward to what it wrote; best of N."""

from pathlib import Path

import pytest
from django.test import Client

from retro_core.errors import InvalidInput
from retro_core.training.presets import PRESETS
from retro_core.types import Task as CoreTask
from tests.webapp.annotated import give, override, person, queue_of
from tests.webapp.pages import text
from tests.webapp.played import client_of
from tests.webapp.training_world import made_adapter
from webapp.adapters.forms import EvaluateForm
from webapp.adapters.models import Adapter
from webapp.adapters.services import evaluating, lineage
from webapp.adapters.services.evaluating import EvaluationRequest
from webapp.episodes.models import Reflection
from webapp.tasks.models import Task, TaskSet
from webapp.tasks.services import save_task_set
from webapp.training.models import Snapshot, TrainingRun
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.runs import launch
from webapp.training.services.snapshots import freeze

pytestmark = pytest.mark.django_db


@pytest.fixture
def judged(tmp_path: Path) -> Adapter:
    """A tuned adapter, its child by PPO, and the child's reward model; ann rated one of three."""
    queue = queue_of(3, overlap=1)
    Reflection.objects.update(prompt="What went wrong?")
    give(queue.items.order_by("pk")[0], person("ann"), override(0.5))
    snapshot = freeze(BufferQuery(validation_share=0.0, repeats="keep"), name="rated")
    give(queue.items.order_by("pk")[1], person("ben"), override(1.0))  # after it was taken
    parent = made_adapter(tmp_path / "a", "tuned")
    scorer = made_adapter(tmp_path / "b", "scorer", kind="reward_model")
    child = made_adapter(tmp_path / "c", "policy")
    for stage, made in (("sft", parent), ("reward_model", scorer), ("ppo", child)):
        run = launch(
            name=f"the {stage}",
            snapshot=snapshot,
            spec=PRESETS["cpu-small"][stage],  # type: ignore[index]  # each is a stage
            preset="cpu-small",
            parent=parent if stage == "ppo" else None,
            reward_model=scorer if stage == "ppo" else None,
        )
        TrainingRun.objects.filter(pk=run.pk).update(adapter=made)
    return child


def test_every_run_behind_an_adapter_is_found_once(judged: Adapter) -> None:
    found = {run.name for run in lineage.runs_behind(judged)}

    assert found == {"the ppo", "the sft", "the reward_model"}


def test_people_are_named_with_what_they_said_before_the_snapshot(judged: Adapter) -> None:
    page = text(client_of("researcher").get(f"/adapters/{judged.pk}/lineage/"))

    assert "ann: override +0.50" in page
    assert "ben: override" not in page  # too late to have been learned from
    assert page.count("rated, train") == 3
    assert "the reward_model" in page


def test_the_page_costs_the_same_for_many_items(
    judged: Adapter, django_assert_max_num_queries
) -> None:
    viewer = client_of("viewer")
    with django_assert_max_num_queries(20):
        assert viewer.get(f"/adapters/{judged.pk}/lineage/").status_code == 200


def test_what_it_wrote_is_listed_with_its_episode(judged: Adapter) -> None:
    Reflection.objects.filter(pk=Reflection.objects.latest("pk").pk).update(adapter=judged.name)
    written = Reflection.objects.get(adapter=judged.name)

    page = client_of("viewer").get(f"/adapters/{judged.pk}/lineage/?show=written")

    assert f"/episodes/{written.episode_id}/" in text(page)
    assert [row["reflection"] for row in page.context["rows"]] == [written]


def test_lineage_is_not_for_strangers_nor_for_missing_adapters(judged: Adapter) -> None:
    assert Client().get(f"/adapters/{judged.pk}/lineage/").status_code == 302
    assert client_of("").get(f"/adapters/{judged.pk}/lineage/").status_code == 403
    viewer = client_of("viewer")
    assert viewer.get("/adapters/999/lineage/").status_code == 404
    assert viewer.post(f"/adapters/{judged.pk}/lineage/").status_code == 405


def test_best_of_several_is_for_the_adapter_and_not_for_its_twin(
    judged: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluating.server, "load", lambda adapter: True)
    task = CoreTask("other-0", "doors", "Leave.")
    tasks = save_task_set("others", "doors", "valid", [task], source="by hand")
    scorer = Adapter.objects.reward_models().get()

    asked = EvaluationRequest(tasks, "embedded", trials=2, seed=0, best_of_n=4, reward_model=scorer)
    made = evaluating.evaluate(judged, asked, None)

    chosen = made.trained.config["reflection"]
    assert (chosen["best_of_n"], chosen["reward_model"]) == (4, "scorer-v1")
    assert made.frozen.config["reflection"]["best_of_n"] == 1


def test_best_of_several_needs_a_reward_model(judged: Adapter) -> None:
    tasks = TaskSet.objects.get().pk
    sent = {"task_set": tasks, "preset": "embedded", "trials": 2, "seed": 0, "best_of_n": 4}

    assert "reward_model" in EvaluateForm(judged, sent).errors
    assert not EvaluateForm(judged, {**sent, "best_of_n": 1}).errors


@pytest.mark.parametrize("judge", ["reward of PPO", "best of several"])
def test_no_evaluation_on_tasks_that_a_reward_model_was_trained_on(
    judged: Adapter, judge: str, tmp_path: Path
) -> None:
    """Of all runs behind the two, that of the reward model alone knows the tasks."""
    foreign = Snapshot.objects.create(name="other", sha256="", items_count=0, counts={})
    TrainingRun.objects.exclude(stage="reward_model").update(snapshot=foreign)
    untrained = made_adapter(tmp_path / "d", "untrained")
    known = TaskSet.objects.get()
    for position, task in enumerate(Task.objects.all()):
        known.members.create(task=task, position=position)

    asked = EvaluationRequest(
        known,
        "embedded",
        trials=2,
        seed=0,
        best_of_n=1 if judge == "reward of PPO" else 4,
        reward_model=Adapter.objects.reward_models().get(),
    )

    with pytest.raises(InvalidInput, match="was trained on 3 tasks"):
        evaluating.evaluate(judged if judge == "reward of PPO" else untrained, asked, None)
