"""Task sets: the list and one of them."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from retro_core.types import Task
from tests.webapp.played import client_of, new_experiment
from webapp.tasks.services import save_task_set

pytestmark = pytest.mark.django_db
LIST = "/task-sets/"


@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


def test_the_list_counts_the_tasks_of_each_set(viewer: Client) -> None:
    new_experiment()

    page = viewer.get(LIST)

    assert [(row["task_set"].name, row["size"]) for row in page.context["rows"]] == [
        ("doors tasks", "3")
    ]


def test_a_task_set_shows_its_tasks_and_experiments(viewer: Client) -> None:
    experiment = new_experiment()

    page = viewer.get(f"{LIST}{experiment.task_set_id}/").content.decode()

    assert "Leave by door 1." in page
    assert f"/experiments/{experiment.pk}/" in page


def test_a_task_set_leads_to_an_experiment_on_it() -> None:
    task = Task("house-1", "alfworld", "Put a mug on the desk.")
    older = save_task_set("older", "alfworld", "train", [task], source="by hand")
    save_task_set("newer", "alfworld", "train", [task], source="by hand")
    researcher = client_of("researcher")
    form = f"/experiments/new/?tasks={older.pk}"
    assert form in researcher.get(f"{LIST}{older.pk}/").content.decode()

    page = researcher.get(form)

    assert page.context["form"]["task_set"].value() == older.pk
    assert researcher.get("/experiments/new/?tasks=99999999999999999999").status_code == 200


def test_a_long_task_set_goes_on_after_a_hundred(
    viewer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    tasks = [Task(f"doors-{number}", "doors", f"Door {number}!") for number in range(103)]
    task_set = save_task_set("many doors", "doors", "train", tasks, source="by hand")

    with django_assert_max_num_queries(9):
        first = viewer.get(f"{LIST}{task_set.pk}/").content.decode()
    second = viewer.get(f"{LIST}{task_set.pk}/?from=100").content.decode()

    assert "Door 99!" in first
    assert "Door 100!" not in first
    assert "?from=100" in first
    assert "Door 102!" in second


def test_the_partial_of_the_list_comes_alone(viewer: Client) -> None:
    headers = {"HX-Request": "true", "HX-Target": "task-sets"}

    assert "<html" not in viewer.get(LIST, headers=headers).content.decode()


@pytest.mark.parametrize("path", [LIST, f"{LIST}1/"])
def test_strangers_and_posts_are_refused(client: Client, viewer: Client, path: str) -> None:
    assert client.get(path)["Location"].startswith("/sign-in/")
    assert client_of("").get(path).status_code == 403
    assert viewer.post(path).status_code == 405
