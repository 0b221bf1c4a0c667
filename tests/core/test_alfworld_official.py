"""Official data folders become tasks; a bad file is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from retro_core.envs.alfworld import AlfworldEnv, load_tasks
from retro_core.errors import InvalidInput
from tests.core.alfworld_games import small_task

GRAMMAR = """grammar :: \"\"\"{
  "task": [ { "rhs": "Your task is to: put a hot apple in shelf." } ],
  "GotoLocation.feedback": [ { "rhs": "You arrive at {r.name}. ..." } ],
  "help.feedback": [ { "rhs": "..." } ] }\"\"\";
action PutObject { template :: "move {o} to {r}"; }"""
GAME = "valid_unseen/pick_heat_then_place_in_recep-Apple-None-Shelf-10/trial_T1"


def write_game(root: Path, name: str = GAME, **changes: Any) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    content = {
        "pddl_domain": "",
        "grammar": GRAMMAR,
        "pddl_problem": small_task().payload["pddl_problem"],
        "walkthrough": ["look"],
        "solvable": True,
        **changes,
    }
    (folder / "game.tw-pddl").write_text(json.dumps(content), encoding="utf-8")
    trajectory = {"task_type": "pick_heat_then_place_in_recep"}
    (folder / "traj_data.json").write_text(json.dumps(trajectory), encoding="utf-8")
    return folder


def test_a_game_folder_becomes_a_task_that_can_be_played(tmp_path: Path) -> None:
    write_game(tmp_path)

    (task,) = load_tasks(tmp_path)
    observation, _ = AlfworldEnv().reset(task)

    assert task.id == GAME
    assert (task.split, task.task_type) == ("valid_unseen", "pick_heat_then_place_in_recep")
    assert task.payload["walkthrough"] == ["look"]
    assert observation.endswith("Your task is to: put a hot apple in shelf.")


def test_the_oldest_games_arrive_at_locations_put_things_in_or_on_and_have_no_help(
    tmp_path: Path,
) -> None:
    old = GRAMMAR.replace("arrive at {r.name}", "arrive at {lend.name}")
    old = old.replace("move {o} to {r}", "put {o} in/on {r}").replace("help.feedback", "other")
    write_game(tmp_path, grammar=old)
    (task,) = load_tasks(tmp_path)
    env = AlfworldEnv()
    env.reset(task)

    arrived = env.step("go to sinkbasin 1")
    env.step("take apple 1 from sinkbasin 1")
    env.step("go to shelf 1")
    put = env.step("put apple 1 in/on shelf 1")

    # Six locations, loc_bar_0 to loc_bar_5, numbered 6 to 1; the sink is at loc_bar_4.
    assert arrived.observation == "You arrive at loc 2. On the sinkbasin 1, you see a apple 1."
    assert put.observation == "You put the apple 1 in/on the shelf 1."
    assert "help" not in put.info.admissible_actions


def test_unsolvable_sliced_and_movable_games_are_left_out(tmp_path: Path) -> None:
    write_game(tmp_path, "train/pick_and_place_simple-Book-None-Desk-1/a", solvable=False)
    write_game(tmp_path, "train/pick_and_place_simple-AppleSliced-None-Shelf-1/b")
    write_game(tmp_path, "train/pick_and_place_with_movable_recep-Apple-Bowl-Shelf-1/c")
    write_game(tmp_path)

    assert [task.id for task in load_tasks(tmp_path)] == [GAME]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pddl_problem": "(define"}, "not one closed"),
        ({"pddl_problem": None}, "no text under 'pddl_problem'"),
        ({"grammar": "{}"}, "does not say what the task is"),
    ],
)
def test_a_bad_game_file_is_named_with_the_reason(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    folder = write_game(tmp_path, **changes)

    with pytest.raises(InvalidInput, match=reason) as caught:
        list(load_tasks(tmp_path))

    assert str(folder / "game.tw-pddl") in str(caught.value)


def test_a_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    folder = write_game(tmp_path)
    (folder / "game.tw-pddl").write_text("{", encoding="utf-8")

    with pytest.raises(InvalidInput, match=r"game\.tw-pddl cannot be read"):
        list(load_tasks(tmp_path))


def test_a_folder_without_games_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds no"):
        list(load_tasks(tmp_path))
