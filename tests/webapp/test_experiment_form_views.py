"""The form of a new experiment."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from retro_core.config import ExperimentConfig
from tests.webapp.pages import text
from tests.webapp.played import client_of, new_experiment
from tests.webapp.training_world import made_adapter
from webapp.experiments.forms import ExperimentForm, fresh_values
from webapp.experiments.models import Experiment
from webapp.setting_fields import flat, nested
from webapp.tasks.models import TaskSet

pytestmark = pytest.mark.django_db
NEW = "/experiments/new/"


@pytest.fixture
def researcher() -> Client:
    return client_of("researcher")


def filled(**changes: object) -> dict[str, Any]:
    """What a browser sends of the form as proposed, with a name: no unticked boxes."""
    initial = {name: field.initial for name, field in ExperimentForm().fields.items()}
    values = initial | fresh_values() | {"name": "doors again"}
    task_set = values["task_set"]
    values["task_set"] = task_set.pk if task_set else ""
    values |= changes
    return {
        name: value for name, value in values.items() if value is not None and value is not False
    }


def test_the_proposed_values_make_an_experiment_of_the_newest_task_set(researcher: Client) -> None:
    task_set = new_experiment().task_set

    response = researcher.post(NEW, filled())

    made = Experiment.objects.get(name="doors again")
    assert response["Location"] == f"/experiments/{made.pk}/"
    assert (made.task_set, made.status, made.trials) == (task_set, "draft", 3)
    assert made.owner is not None
    assert made.experiment_tasks.count() == 3


def test_create_and_start_queues_it(researcher: Client) -> None:
    new_experiment()

    researcher.post(NEW, filled(start=""))

    assert Experiment.objects.get(name="doors again").status == "queued"


def test_a_unit_is_named_where_the_label_does_not_name_it(researcher: Client) -> None:
    page = text(researcher.get(NEW))

    assert "Max steps</label>" in page
    assert 'Trials <span class="unit">(per task)</span></label>' in page


def test_every_setting_reaches_the_configuration(researcher: Client) -> None:
    new_experiment()

    researcher.post(NEW, filled(episode__max_steps=12, reflection__top_p=0.5, memory_size=2))

    config = ExperimentConfig.from_json(Experiment.objects.get(name="doors again").config)
    assert (config.episode.max_steps, config.reflection.top_p, config.memory_size) == (12, 0.5, 2)


def test_a_reflector_over_openai_is_asked_by_its_name(researcher: Client) -> None:
    new_experiment()
    asked = filled(method="reflexion", reflection__protocol="openai")

    refused = researcher.post(NEW, asked)
    researcher.post(NEW, asked | {"reflector_model": "some-model"})

    assert "it must be named" in text(refused)
    assert Experiment.objects.get(name="doors again").reflector_model == "some-model"


def test_retroformer_asks_for_something_trained(researcher: Client, tmp_path: Path) -> None:
    new_experiment()
    made_adapter(tmp_path / "b", "judge", kind="reward_model")
    asked = filled(method="retroformer")
    ranked = {"reflection__best_of_n": 4, "reflection__reward_model": "judge-v1"}

    refused = researcher.post(NEW, asked)
    researcher.post(NEW, asked | {"name": "adapted", "adapter": "tuned-v1"})
    researcher.post(NEW, asked | {"name": "ranked"} | ranked)

    assert refused.status_code == 422
    assert list(refused.context["form"].errors) == ["adapter"]
    assert "name an adapter, or choose reflexion" in text(refused)
    made = Experiment.objects.filter(method="retroformer").order_by("pk")
    assert list(made.values_list("name", "adapter")) == [("adapted", "tuned-v1"), ("ranked", "")]


def test_new_tasks_are_generated_and_shared_by_the_next_experiment(researcher: Client) -> None:
    asked = {"tasks_from": "generate", "split": "alfworld:valid_unseen", "count": 2, "task_seed": 5}

    researcher.post(NEW, filled(**asked))
    researcher.post(NEW, filled(name="doors once more", **asked))

    assert TaskSet.objects.get().members.count() == 2
    assert Experiment.objects.count() == 2


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "This field is required."),
        ("name", "doors", "There is an experiment of this name already."),
        ("name", "a\x00b", "Null characters are not allowed."),
        ("trials", "0", "greater than or equal to 1"),
        ("trials", "9" * 5000, "Enter a whole number."),
        ("seed", "-1", "greater than or equal to 0"),
        ("method", "magic", "magic is not one of the available choices"),
        ("episode__max_steps", "0", "greater than or equal to 1"),
        ("reflection__temperature", "nan", "Enter a number."),
        ("task_set", "", "Choose the tasks to play."),
        ("task_set", "99999999999999999999", "That choice is not one of the available choices"),
        ("concurrency", "65", "less than or equal to 64"),
    ],
)
def test_a_bad_value_is_named_beside_its_field(
    researcher: Client, field: str, value: str, words: str
) -> None:
    new_experiment()

    response = researcher.post(NEW, filled(**{field: value}))

    assert response.status_code == 422
    assert words in text(response)
    assert Experiment.objects.count() == 1


def test_an_empty_post_shows_the_errors(researcher: Client) -> None:
    assert researcher.post(NEW, {}).status_code == 422


def test_the_fold_opens_where_an_error_hides_in_it(researcher: Client) -> None:
    new_experiment()

    page = text(researcher.post(NEW, filled(episode__max_steps="none")))

    assert 'id="advanced" open' in page


def test_a_clone_takes_over_the_settings_under_a_free_name(researcher: Client) -> None:
    original = new_experiment("doors")

    page = researcher.get(NEW, {"clone": original.pk})

    initial = page.context["form"].initial
    assert (initial["name"], initial["seed"], initial["trials"]) == ("doors (2)", 7, 2)
    assert initial["task_set"] == original.task_set


@pytest.mark.parametrize(("clone", "status"), [("999", 404), ("x", 200), ("9" * 30, 200)])
def test_a_clone_of_nothing_is_not_found_or_ignored(
    researcher: Client, clone: str, status: int
) -> None:
    assert researcher.get(NEW, {"clone": clone}).status_code == status


def test_a_viewer_may_neither_make_nor_import() -> None:
    viewer = client_of("viewer")

    assert viewer.post(NEW, filled()).status_code == 403


@pytest.mark.parametrize("path", [NEW])
def test_another_method_is_refused(researcher: Client, path: str) -> None:
    assert researcher.put(path).status_code == 405


def test_settings_survive_the_way_through_the_form() -> None:
    config = ExperimentConfig(trials=4)

    assert ExperimentConfig.from_json(nested(flat(config))) == config


def test_trained_names_are_proposed_where_each_kind_is_asked(
    researcher: Client, tmp_path: Path
) -> None:
    made_adapter(tmp_path / "a", "house")
    made_adapter(tmp_path / "b", "judge", kind="reward_model")

    page = text(researcher.get(NEW))

    for kind, field, name in (
        ("known-policies", "adapter", "house-v1"),
        ("known-reward-models", "reflection__reward_model", "judge-v1"),
    ):
        assert f'<datalist id="{kind}"><option value="{name}"></option></datalist>' in page
        asked = page[page.index(f'name="{field}"') :]
        assert f'list="{kind}"' in asked[: asked.index(">")]
