"""Task sets: generated and given tasks, and what is refused."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from retro_core.envs.base import env_spec
from retro_core.errors import InvalidInput
from retro_core.types import Task as CoreTask
from tests.toy_world import doors_task
from webapp.tasks import services
from webapp.tasks.models import Task, TaskSet
from webapp.tasks.services import IMPORTED_SPLIT, generate_task_set, save_task_set

pytestmark = pytest.mark.django_db


def save(name: str, *tasks: CoreTask) -> TaskSet:
    return save_task_set(name, "doors", "train", tasks, source="a test")


def test_generated_household_games_are_stored_in_order() -> None:
    task_set = generate_task_set(
        environment="alfworld", split="valid_unseen", count=3, seed=7, name="Three"
    )

    members = task_set.members.select_related("task")
    assert [member.position for member in members] == [0, 1, 2]
    assert {member.task.split for member in members} == {"valid_unseen"}
    assert task_set.source == "generated with seed 7"


def test_the_same_seed_gives_the_same_tasks_under_another_name() -> None:
    options: dict[str, Any] = {"environment": "alfworld", "split": "train", "count": 2, "seed": 7}
    generate_task_set(name="First", **options)

    generate_task_set(name="Second", **options)

    assert Task.objects.count() == 2


def test_a_wish_sent_twice_at_once_makes_one_task_set(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = env_spec("alfworld")
    made: list[TaskSet] = []

    def generate_while_another_does(**asked: Any) -> Sequence[CoreTask]:
        monkeypatch.undo()
        made.append(services.generated_set("alfworld", "train", 2, 7))
        return spec.generate(**asked)

    slow = replace(spec, generate=generate_while_another_does)
    monkeypatch.setattr(services, "env_spec", lambda name: slow)

    found = services.generated_set("alfworld", "train", 2, 7)

    assert [found] == made
    assert TaskSet.objects.count() == 1


def test_a_wish_that_cannot_be_met_is_still_refused() -> None:
    with pytest.raises(InvalidInput, match="valid_unseen"):
        services.generated_set("alfworld", "nowhere", 2, 7)


def test_an_unknown_split_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="valid_unseen"):
        generate_task_set(environment="alfworld", split="nowhere", count=1, seed=0, name="x")


def test_a_taken_name_is_refused() -> None:
    save("Doors", doors_task())

    with pytest.raises(InvalidInput, match="named 'Doors' already"):
        save("Doors", doors_task())


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least one task"):
        save("None")


def test_a_task_twice_in_a_list_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'doors-1' is in the list twice"):
        save("Twice", doors_task(), doors_task())


def test_a_known_task_with_another_payload_is_refused_and_nothing_is_stored() -> None:
    save("Green", doors_task("open green"))

    with pytest.raises(InvalidInput, match="known with another goal or payload"):
        save("Red", doors_task("open red"))

    assert TaskSet.objects.count() == 1
    assert Task.objects.get().payload == {"right": "open green"}


def test_a_task_known_from_a_log_takes_its_payload_from_the_list() -> None:
    Task.objects.create(environment="doors", key="doors-1", split=IMPORTED_SPLIT, goal="")

    save("Doors", doors_task("open green"))

    assert Task.objects.get().as_core() == doors_task("open green")


def test_a_payload_of_tuples_is_equal_to_its_stored_lists() -> None:
    task = replace(doors_task(), payload={"doors": ("red", "green")})
    save("First", task)

    save("Second", task)

    assert Task.objects.get().payload == {"doors": ["red", "green"]}
