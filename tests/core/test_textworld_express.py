"""TextWorldExpress as one of our environments: its tasks, and what is said where it is missing."""

import pytest

from retro_core.envs import textworld_express
from retro_core.envs.base import env_spec
from retro_core.errors import InvalidInput
from retro_core.types import Task

SPEC = textworld_express.SPEC


def playable() -> None:
    if words := SPEC.missing():
        pytest.skip(f"TextWorldExpress cannot be played on this machine: {words}")


def test_it_is_registered_whether_its_engine_is_installed_or_not() -> None:
    assert env_spec("textworldexpress") is SPEC


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textworld_express, "PACKAGE", "no_such_package")
    monkeypatch.setenv("PATH", "")

    words = SPEC.missing()

    assert "pip install '.[textworldexpress]'" in words
    assert "Java 8 or newer" in words
    with pytest.raises(InvalidInput, match="cannot be played here: it lacks the extra"):
        SPEC.create().reset(SPEC.generate(count=1, split="train", seed=0)[0])


def test_tasks_take_the_games_in_turn_and_splits_share_no_seed() -> None:
    tasks = {split: SPEC.generate(count=6, split=split, seed=999) for split in SPEC.splits}

    assert [task.id for task in tasks["train"]] == [
        "coin-999",
        "twc-999",
        "cookingworld-999",
        "coin-0",
        "twc-0",
        "cookingworld-0",
    ]
    assert tasks["valid_unseen"][0].payload == {"game": "coin", "seed": 20999, "fold": "test"}
    ids = [task.id for split in tasks.values() for task in split]
    assert len(set(ids)) == 18


def test_more_games_than_there_are_is_refused() -> None:
    with pytest.raises(InvalidInput, match="holds 3000 games"):
        SPEC.generate(count=3001, split="train", seed=0)


def test_taking_the_coin_solves_the_game() -> None:
    playable()
    env = SPEC.create()
    task = Task(
        "coin-0", SPEC.name, "Find it.", payload={"game": "coin", "seed": 0, "fold": "train"}
    )
    engine_plan = solution(task)
    env.reset(task)

    steps = [env.step(action) for action in engine_plan]

    assert (steps[-1].terminated, steps[-1].info.success, steps[-1].info.score) == (True, True, 1.0)
    assert sum(step.reward for step in steps) == 1.0
    assert env.step("look around").observation == "The episode is over."


def test_an_unknown_game_is_refused() -> None:
    playable()
    task = Task("x", SPEC.name, "?", payload={"game": "chess", "seed": 0, "fold": "train"})

    with pytest.raises(InvalidInput, match="Task 'x'"):
        SPEC.create().reset(task)


def solution(task: Task) -> list[str]:
    """The engine's own way through a game."""
    from textworld_express import TextWorldExpressEnv

    engine = TextWorldExpressEnv()
    where = task.payload
    engine.reset(
        seed=where["seed"],
        gameFold=where["fold"],
        gameName=where["game"],
        gameParams="",
        generateGoldPath=True,
    )
    return list(engine.getGoldActionSequence())
