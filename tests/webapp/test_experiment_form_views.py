"""The form of a new experiment, and the upload of recorded episodes."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from retro_core.config import ExperimentConfig
from tests.webapp.played import client_of, new_experiment
from webapp.episodes.models import Episode
from webapp.experiments.forms import ExperimentForm, fresh_values
from webapp.experiments.models import Experiment
from webapp.experiments.setting_fields import flat, nested
from webapp.tasks.models import TaskSet

pytestmark = pytest.mark.django_db
NEW, UPLOAD = "/experiments/new/", "/experiments/import/"


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


def text(response: HttpResponse) -> str:
    return " ".join(response.content.decode().split())


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


def test_every_setting_reaches_the_configuration(researcher: Client) -> None:
    new_experiment()

    researcher.post(NEW, filled(episode__max_steps=12, reflection__top_p=0.5, memory_size=2))

    config = ExperimentConfig.from_json(Experiment.objects.get(name="doors again").config)
    assert (config.episode.max_steps, config.reflection.top_p, config.memory_size) == (12, 0.5, 2)


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
    assert viewer.post(UPLOAD, {}).status_code == 403


@pytest.mark.parametrize("path", [NEW, UPLOAD])
def test_another_method_is_refused(researcher: Client, path: str) -> None:
    assert researcher.put(path).status_code == 405


def test_settings_survive_the_way_through_the_form() -> None:
    config = ExperimentConfig(trials=4)

    assert ExperimentConfig.from_json(nested(flat(config))) == config


def line(trial: int = 1, **changes: object) -> bytes:
    values: dict[str, object] = {
        "experiment": "recorded doors",
        "environment": "doors",
        "method": "reflexion",
        "task_id": "doors-1",
        "trial": trial,
        "steps": [{"thought": "", "action": "open red", "observation": "A wall."}],
        "success": False,
        "episode_return": 0.0,
        "truncated": False,
    }
    return json.dumps(values | changes).encode()


def upload(client: Client, *lines: bytes, name: str = "log.jsonl", **more: str) -> HttpResponse:
    file = SimpleUploadedFile(name, b"\n".join(lines))
    return client.post(UPLOAD, {"file": file, **more})


def test_a_good_file_leads_to_its_experiment(researcher: Client) -> None:
    response = upload(researcher, line(1), line(2))

    made = Experiment.objects.get(name="recorded doors")
    assert response["Location"] == f"/experiments/{made.pk}/"
    assert Episode.objects.count() == 2


def test_the_same_file_again_changes_nothing(researcher: Client) -> None:
    upload(researcher, line(1))

    upload(researcher, line(1))

    assert Episode.objects.count() == 1


def test_every_bad_line_is_named_and_nothing_is_imported(researcher: Client) -> None:
    response = upload(researcher, line(1), b"{broken", line(0))

    numbers = [bad.number for bad in response.context["report"].bad_lines]
    assert (response.status_code, numbers) == (422, [2, 3])
    assert "Nothing was imported" in text(response)
    assert Episode.objects.count() == 0


def test_the_good_lines_are_imported_when_asked(researcher: Client) -> None:
    response = upload(researcher, line(1), b"{broken", skip_bad="on")

    assert response.status_code == 200
    assert "1 bad line" in text(response)
    assert Episode.objects.count() == 1


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01\xff", b"[]", b"\n\n", b"[" * 100_000, b'{"experiment": 1e999}']
)
def test_a_file_that_is_no_log_is_refused_in_words(researcher: Client, content: bytes) -> None:
    assert upload(researcher, content).status_code in (200, 422)
    assert Experiment.objects.count() == 0


def test_a_very_long_file_name_does_no_harm(researcher: Client) -> None:
    assert upload(researcher, line(1), name="x" * 250 + ".jsonl").status_code == 302


def test_an_upload_without_a_file_asks_for_one(researcher: Client) -> None:
    response = researcher.post(UPLOAD, {})

    assert response.status_code == 422
    assert "This field is required." in text(response)
