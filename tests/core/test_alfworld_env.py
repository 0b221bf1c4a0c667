"""The household environment: rewards, wording, states, nonsense and threads."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retro_core.envs.alfworld import AlfworldEnv, generate
from retro_core.envs.base import Transition
from retro_core.errors import InvalidInput
from retro_core.types import Task
from tests.core.alfworld_games import (
    BOOK_UNDER_LAMP,
    HEAT_AND_PLACE,
    TWO_APPLES_ON_SHELF,
    small_task,
)


@pytest.fixture(scope="module")
def six_tasks() -> list[Task]:
    return generate(count=6, split="train", seed=3)


def played(env: AlfworldEnv, commands: Sequence[str]) -> list[Transition]:
    return [env.step(command) for command in commands]


def test_the_first_observation_lists_the_room_and_the_goal() -> None:
    observation, info = AlfworldEnv().reset(small_task())

    assert observation == (
        "-= Welcome to TextWorld, ALFRED! =-\n\nYou are in the middle of a room. Looking quickly"
        " around you, you see a drawer 2, a drawer 1, a fridge 1, a microwave 1, a shelf 1,"
        " and a sinkbasin 1.\n\nYour task is to: put a hot apple in shelf."
    )
    assert info.admissible_actions[:3] == ("go to drawer 1", "go to drawer 2", "go to fridge 1")


def test_heating_and_placing_earn_a_third_and_then_the_rest() -> None:
    env = AlfworldEnv()
    env.reset(small_task())

    transitions = played(env, HEAT_AND_PLACE)

    rewards = [transition.reward for transition in transitions]
    assert rewards == pytest.approx([0, 0, 0, 1 / 3, 0, 2 / 3])
    assert [transition.terminated for transition in transitions] == [False] * 5 + [True]
    assert transitions[-1].info.success


def test_placing_a_cold_apple_earns_a_third_that_taking_it_away_loses() -> None:
    env = AlfworldEnv()
    env.reset(small_task())

    transitions = played(
        env,
        [
            "go to sinkbasin 1",
            "take apple 1 from sinkbasin 1",
            "go to shelf 1",
            "move apple 1 to shelf 1",
            "take apple 1 from shelf 1",
        ],
    )

    assert [transition.reward for transition in transitions] == pytest.approx(
        [0, 0, 0, 1 / 3, -1 / 3]
    )


def test_success_returns_pay_only_the_step_that_wins() -> None:
    env = AlfworldEnv(returns="success")
    env.reset(small_task())

    rewards = [transition.reward for transition in played(env, HEAT_AND_PLACE)]

    assert rewards == [0, 0, 0, 0, 0, 1]


def test_each_of_two_apples_counts_for_half() -> None:
    env = AlfworldEnv()
    env.reset(small_task(TWO_APPLES_ON_SHELF))
    first = ["go to sinkbasin 1", "take apple 1 from sinkbasin 1", "go to shelf 1"]
    second = ["go to fridge 1", "open fridge 1", "take apple 2 from fridge 1", "go to shelf 1"]

    transitions = played(
        env, [*first, "move apple 1 to shelf 1", *second, "move apple 2 to shelf 1"]
    )

    assert [t.info.score for t in transitions] == [0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 1]


def test_a_lamp_inside_a_closed_drawer_can_be_used_and_lights_the_book() -> None:
    env = AlfworldEnv()
    env.reset(small_task(BOOK_UNDER_LAMP))

    transitions = played(
        env,
        ["go to drawer 1", "use desklamp 1", "open drawer 2", "take book 1 from drawer 2"],
    )

    assert transitions[1].observation == "You turn on the desklamp 1."
    assert [t.info.score for t in transitions] == [0, 0.5, 0.5, 1]


def test_an_object_shows_what_was_done_to_it() -> None:
    env = AlfworldEnv()
    env.reset(small_task())
    cut = ["go to shelf 1", "take knife 1 from shelf 1", "go to sinkbasin 1"]
    played(env, [*cut, "slice apple 1 with knife 1", "go to shelf 1", "move knife 1 to shelf 1"])
    played(env, ["go to sinkbasin 1", "take apple 1 from sinkbasin 1"])

    seen = [
        played(env, [*commands, "examine apple 1"])[-1].observation
        for commands in (
            [],
            ["clean apple 1 with sinkbasin 1"],
            ["go to microwave 1", "heat apple 1 with microwave 1"],
            ["go to fridge 1", "cool apple 1 with fridge 1"],
        )
    ]

    assert seen == [
        "This is a sliced apple 1.",
        "This is a clean sliced apple 1.",
        "This is a hot and clean sliced apple 1.",
        "This is a cool and clean sliced apple 1.",
    ]


def test_an_object_moved_between_neighbouring_drawers_lies_next_to_the_first() -> None:
    env = AlfworldEnv()
    env.reset(small_task())

    transitions = played(
        env,
        [
            "go to drawer 2",
            "open drawer 2",
            "take book 1 from drawer 2",
            "open drawer 1",
            "move book 1 to drawer 1",
            "look",
        ],
    )

    assert transitions[-1].observation == (
        "You are facing the drawer 2, and drawer 1. Next to it, you see a book 1."
    )


def test_the_older_wording_puts_things_in_or_on_others() -> None:
    env = AlfworldEnv(put_style="put")
    env.reset(small_task())
    played(env, HEAT_AND_PLACE[:-1])

    refused = env.step("move apple 1 to shelf 1")
    done = env.step("put apple 1 in/on shelf 1")

    assert refused.info.invalid_action
    assert done.observation == "You put the apple 1 in/on the shelf 1."
    assert done.terminated


@pytest.mark.parametrize("action", ["", "fly to the moon", "GO TO SHELF 1", "take apple 9", "\0"])
def test_nonsense_changes_nothing_and_says_so(action: str) -> None:
    env = AlfworldEnv()
    _, before = env.reset(small_task())

    transition = env.step(action)

    assert transition.observation == "Nothing happens."
    assert transition.info.invalid_action
    assert transition.info.admissible_actions == before.admissible_actions


@settings(max_examples=40, deadline=None)
@given(
    moves=st.lists(st.text(max_size=30) | st.integers(0, 200), max_size=30),
    number=st.integers(0, 5),
)
def test_no_mixture_of_commands_and_nonsense_raises(
    six_tasks: list[Task], moves: list[str | int], number: int
) -> None:
    env = AlfworldEnv()
    _, info = env.reset(six_tasks[number])

    for move in moves:
        admissible = info.admissible_actions
        action = move if isinstance(move, str) else admissible[move % len(admissible)]
        transition = env.step(action)
        info = transition.info

        assert list(info.admissible_actions) == sorted(set(info.admissible_actions))
        assert 0 <= info.score <= 1
        assert (info.score == 1) == info.success == transition.terminated


def test_environments_in_many_threads_play_as_one_does() -> None:
    tasks = generate(count=12, split="train", seed=4)

    def transcript(task: Task) -> list[Transition]:
        env = AlfworldEnv()
        env.reset(task)
        return played(env, [*task.payload["walkthrough"], "look", "inventory"])

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(transcript, tasks * 4))

    assert together == [transcript(task) for task in tasks] * 4


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"pddl_problem": 5}, "no text under pddl_problem"),
        ({"pddl_problem": ""}, "not one closed"),
        ({"pddl_problem": "(define (:objects a - agent)"}, "not one closed"),
        ({"pddl_problem": "(define (:objects a - agent))"}, "no :init section"),
        ({"put_style": "throw"}, "put_style is 'throw'"),
    ],
)
def test_a_task_that_cannot_be_played_says_why(payload: dict[str, object], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        AlfworldEnv().reset(small_task(payload=payload))


def test_a_goal_of_an_unknown_form_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'or' is not supported"):
        AlfworldEnv().reset(small_task("(and (or (holds agent1 Book_bar_1) (isHot Apple_bar_1)))"))
