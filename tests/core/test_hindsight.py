"""The plan in a success: what was done for nothing is no part of it."""

import pytest

from retro_core.envs.alfworld import AlfworldEnv, generate
from retro_core.hindsight import shortened, solves
from retro_core.types import Task
from tests.core.alfworld_games import HEAT_AND_PLACE, small_task

GAMES = [  # whose last place has to be opened before something is put there
    task
    for task in generate(count=36, split="valid_seen", seed=5)
    if task.payload["walkthrough"][-2].startswith("open ") and "_two_" not in (task.task_type or "")
]


def test_a_thing_put_down_and_taken_again_is_left_out_as_one() -> None:
    detour = ("go to shelf 1", "move apple 1 to shelf 1", "look", "take apple 1 from shelf 1")
    played = (*HEAT_AND_PLACE[:2], *detour, *HEAT_AND_PLACE[2:])

    assert shortened(AlfworldEnv, small_task(), played) == HEAT_AND_PLACE


@pytest.mark.parametrize("task", GAMES, ids=[task.goal for task in GAMES])
def test_a_place_that_was_opened_too_early_is_opened_when_it_is_needed(task: Task) -> None:
    walkthrough = tuple(task.payload["walkthrough"])
    opened = walkthrough[-2]
    early = (opened.replace("open", "go to"), opened)
    played = (*early, *walkthrough[:-2], walkthrough[-1])
    assert solves(AlfworldEnv, task, played)

    assert len(shortened(AlfworldEnv, task, played)) <= len(walkthrough)


def test_what_does_not_solve_the_task_again_stays_as_it_is() -> None:
    assert shortened(AlfworldEnv, small_task(), HEAT_AND_PLACE[1:]) == HEAT_AND_PLACE[1:]
