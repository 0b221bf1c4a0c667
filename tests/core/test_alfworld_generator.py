"""Generated household games: solvable, balanced, repeatable, apart for each split."""

from collections import Counter
from itertools import combinations

import pytest

from retro_core.envs.alfworld import AlfworldEnv, generate
from retro_core.envs.alfworld.chores import TASK_TYPES
from retro_core.envs.alfworld.layouts import ROOMS, SPLITS, layouts
from retro_core.errors import InvalidInput
from retro_core.types import Task


@pytest.fixture(scope="module")
def tasks() -> dict[str, list[Task]]:
    return {split: generate(count=60, split=split, seed=11) for split in SPLITS}


@pytest.mark.parametrize("split", SPLITS)
def test_the_walkthrough_of_every_game_wins_it(tasks: dict[str, list[Task]], split: str) -> None:
    for task in tasks[split]:
        env = AlfworldEnv()
        _, info = env.reset(task)
        assert info.score == 0

        for action in task.payload["walkthrough"]:
            assert action in info.admissible_actions
            transition = env.step(action)
            info = transition.info

        assert transition.terminated
        assert info.score == 1


@pytest.mark.parametrize("split", SPLITS)
def test_no_walkthrough_holds_a_needless_last_step(
    tasks: dict[str, list[Task]], split: str
) -> None:
    for task in tasks[split]:
        env = AlfworldEnv()
        env.reset(task)

        before = [env.step(action) for action in task.payload["walkthrough"][:-1]]

        assert not any(transition.terminated for transition in before)


def test_sixty_games_hold_ten_of_each_task_type(tasks: dict[str, list[Task]]) -> None:
    for split in SPLITS:
        assert Counter(task.task_type for task in tasks[split]) == dict.fromkeys(TASK_TYPES, 10)


def test_rooms_have_as_many_receptacles_as_real_ones(tasks: dict[str, list[Task]]) -> None:
    for split in SPLITS:
        for task in tasks[split]:
            _, info = AlfworldEnv().reset(task)
            places = [a for a in info.admissible_actions if a.startswith("go to ")]
            assert 8 <= len(places) <= 25


def test_the_same_seed_gives_the_same_games_and_a_longer_list_begins_with_a_shorter() -> None:
    assert generate(count=12, split="train", seed=5)[:7] == generate(count=7, split="train", seed=5)


def test_another_seed_gives_other_games() -> None:
    first, second = (generate(count=6, split="train", seed=seed) for seed in (1, 2))

    assert {task.id for task in first}.isdisjoint(task.id for task in second)
    assert all(
        a.payload["pddl_problem"] != b.payload["pddl_problem"]
        for a, b in zip(first, second, strict=True)
    )


def test_no_task_and_no_layout_is_shared_across_splits(tasks: dict[str, list[Task]]) -> None:
    for one, other in combinations(SPLITS, 2):
        for key in ("layout", "pddl_problem"):
            assert {task.payload[key] for task in tasks[one]}.isdisjoint(
                task.payload[key] for task in tasks[other]
            )


def test_no_two_layouts_of_a_room_hold_the_same_receptacles() -> None:
    for room in ROOMS:
        furniture = [
            tuple(sorted(receptacle.type for receptacle in layout.receptacles))
            for split in SPLITS
            for layout in layouts(room, split)
        ]
        assert len(furniture) == len(set(furniture)) == 112


def test_an_unknown_split_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="train, valid_seen, valid_unseen"):
        generate(count=1, split="test", seed=0)
