"""The worlds and their cards: listed, described, new tasks made of a seed."""

import pytest
from django.test import Client

from tests.webapp.pages import text
from tests.webapp.played import client_of, played_experiment
from webapp.experiments.models import Experiment
from webapp.tasks.models import Task, TaskSet
from webapp.tasks.services import generated_set, save_task_set
from webapp.worlds.models import HandTrial

pytestmark = pytest.mark.django_db


@pytest.fixture
def games() -> TaskSet:
    return generated_set("alfworld", "valid_unseen", 2, 1)


@pytest.fixture
def player() -> Client:
    return client_of("annotator")


def first_task(task_set: TaskSet) -> Task:
    return task_set.members.order_by("position").select_related("task")[0].task


def test_every_installed_world_is_listed_with_a_link_to_its_card() -> None:
    page = text(client_of("viewer").get("/worlds/"))

    for name in ("alfworld", "hotpotqa", "webshop"):
        assert f"/worlds/{name}/" in page


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("alfworld", ["The chore is done", "valid_unseen", "take X from Y", "49", "go to "]),
        ("hotpotqa", ["CC BY-SA 4.0", "Search[entity]", "bridge, comparison", "Question:"]),
        ("webshop", ["princeton-nlp/WebShop", "search[words]", "The reward of the purchase is 1"]),
    ],
)
def test_a_card_tells_success_licence_splits_actions_and_a_sample(
    name: str, words: list[str]
) -> None:
    page = text(client_of("viewer").get(f"/worlds/{name}/"))

    assert [word for word in words if word not in page] == []
    assert "Play by hand" not in page  # a viewer only looks


def test_strangers_and_unknown_worlds_are_refused(player: Client, games: TaskSet) -> None:
    nobody, viewer = client_of(""), client_of("viewer")

    assert nobody.get("/worlds/").status_code == 403
    assert nobody.get("/worlds/alfworld/").status_code == 403
    assert player.get("/worlds/nowhere/").status_code == 404
    assert viewer.get(f"/worlds/tasks/{games.pk}/").status_code == 403
    assert viewer.post(f"/worlds/tasks/{games.pk}/begin/").status_code == 403


def test_the_list_of_worlds_needs_few_queries(
    django_assert_max_num_queries: object, games: TaskSet
) -> None:
    viewer = client_of("viewer")

    with django_assert_max_num_queries(9):  # type: ignore[operator]  # a fixture's callable
        viewer.get("/worlds/")


def test_new_tasks_of_a_seed_are_made_once_and_offered(player: Client) -> None:
    sent = {"split": "train", "count": 1, "seed": 4}

    first = player.post("/worlds/alfworld/new-tasks/", sent)
    again = player.post("/worlds/alfworld/new-tasks/", sent)

    made = TaskSet.objects.get()
    assert first["Location"] == again["Location"] == f"/worlds/tasks/{made.pk}/"
    assert first_task(made).goal in text(player.get(first["Location"]))


def test_bad_wishes_for_new_tasks_are_answered_on_the_card(player: Client) -> None:
    response = player.post(
        "/worlds/alfworld/new-tasks/", {"split": "moon", "count": 21, "seed": ""}
    )

    assert response.status_code == 422
    assert "moon is not one of the available choices" in text(response)
    assert not TaskSet.objects.exists()


def test_a_task_that_its_world_refuses_leaves_nothing_behind(player: Client) -> None:
    tasks = [first_task(generated_set("alfworld", "train", 1, 9)).as_core()]
    empty = [type(tasks[0])("bare", "alfworld", "A chore of an imported log.")]
    task_set = save_task_set("bare", "alfworld", "train", empty, source="by hand")

    response = player.post(
        f"/worlds/tasks/{task_set.pk}/begin/", {"task": first_task(task_set).pk}, follow=True
    )

    assert "bare" in text(response)
    assert not HandTrial.objects.exists()
    assert not Experiment.objects.exists()


def test_a_world_that_is_not_installed_cannot_be_played(player: Client) -> None:
    task_set = played_experiment().task_set  # of the toy world

    page = player.get(f"/worlds/tasks/{task_set.pk}/")
    response = player.post(
        f"/worlds/tasks/{task_set.pk}/begin/", {"task": first_task(task_set).pk}, follow=True
    )

    assert page.status_code == 200
    assert "No environment named" in text(response)
