"""A damaged problem is refused with a reason, or can be played; it never breaks the engine."""

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retro_core.envs.alfworld import AlfworldEnv
from retro_core.errors import InvalidInput
from tests.core.alfworld_games import BOOK_UNDER_LAMP, small_task

TOKENS = re.findall(r"[()]|[^\s()]+", small_task(BOOK_UNDER_LAMP).payload["pddl_problem"])


def damaged(rng: Random) -> str:
    tokens = list(TOKENS)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(tokens))
        tokens[place : place + rng.randint(0, 1)] = rng.choices(tokens, k=rng.randint(0, 1))
    return " ".join(tokens)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_a_damaged_problem_is_refused_or_playable(seed: int) -> None:
    rng = Random(seed)
    env = AlfworldEnv()
    try:
        _, info = env.reset(small_task(payload={"pddl_problem": damaged(rng)}))
    except InvalidInput:
        return

    for _ in range(20):
        info = env.step(rng.choice(info.admissible_actions)).info
        assert not info.invalid_action


def test_a_fact_about_an_undeclared_name_is_shown() -> None:
    problem = (
        small_task()
        .payload["pddl_problem"]
        .replace("(pickupable Knife_bar_1)", "(pickupable Sword_bar_1)")
    )

    with pytest.raises(InvalidInput, match=r"\(pickupable sword_bar_1\) does not fit"):
        AlfworldEnv().reset(small_task(payload={"pddl_problem": problem}))
