"""Loads official AlfWorld data: a game.tw-pddl beside a traj_data.json for each game."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from retro_core.envs.alfworld.chores import TASK_TYPES
from retro_core.envs.alfworld.env import ENVIRONMENT
from retro_core.envs.alfworld.game import read_game
from retro_core.envs.alfworld.layouts import SPLITS
from retro_core.envs.listed import Listed, tasks_or_error
from retro_core.errors import InvalidInput
from retro_core.types import Task

GAME_FILE = "game.tw-pddl"
_TRAJECTORY_FILE = "traj_data.json"
_GOAL = re.compile(
    r'"task"\s*:\s*\[\s*\{\s*"rhs"\s*:\s*"Your task is to: (?P<goal>(?:[^"\\]|\\.)*?)\.?"'
)


def load_tasks(folder: Path | str) -> Iterator[Task]:
    """Read every game below a folder, in order of path, leaving out those marked unsolvable.

    Movable receptacles and sliced objects are left out, as AlfWorld itself does. The split is the
    part of the path that names one, else "train". Raises InvalidInput naming the file that is bad.
    """
    return tasks_or_error(listed_games(folder))


def listed_games(folder: Path | str) -> Iterator[Listed]:
    """The same, game by game: bad ones are listed with the reason, and the reading goes on."""
    root = Path(folder)
    paths = sorted(root.rglob(GAME_FILE))
    if not paths:
        raise InvalidInput(f"{root} holds no {GAME_FILE} at any depth.")
    for number, path in enumerate(paths, start=1):
        name = path.relative_to(root).as_posix()
        try:
            task = _read_task(path, root)
        except InvalidInput as error:
            yield Listed(name, number, problem=str(error))
            continue
        if task is not None:
            yield Listed(name, number, task)


def _read_task(path: Path, root: Path) -> Task | None:
    name = path.parent.relative_to(root).as_posix()
    if "movable" in name or "Sliced" in name:
        return None
    content = _read_json(path)
    if content.get("solvable") is False:
        return None
    problem, grammar = _text(content, "pddl_problem", path), _text(content, "grammar", path)
    try:
        read_game(problem)
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error
    payload = {
        "pddl_problem": problem,
        "walkthrough": content.get("walkthrough") or [],
        "put_style": "put" if "in/on {r" in grammar else "move",
        "names_locations": "You arrive at {lend" in grammar,
        "has_help": "help.feedback" in grammar,
    }
    goal = _goal(grammar, path)
    return Task(name, ENVIRONMENT, goal, _split(path), _task_type(path), payload)


def _read_json(path: Path) -> dict[str, Any]:
    """A JSON object; its values come from outside and are checked where they are used."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise InvalidInput(f"{path} is not a JSON object.")
    return content


def _text(content: dict[str, Any], key: str, path: Path) -> str:
    value = content.get(key)
    if not isinstance(value, str):
        raise InvalidInput(f"{path} has no text under {key!r}.")
    return value


def _goal(grammar: str, path: Path) -> str:
    found = _GOAL.search(grammar)
    if found is None:
        raise InvalidInput(f"{path}: its grammar does not say what the task is.")
    return found["goal"]


def _split(path: Path) -> str:
    return next((part for part in reversed(path.parts) if part in SPLITS), SPLITS[0])


def _task_type(path: Path) -> str:
    """From traj_data.json; else from the name of the game's folder, which begins with it."""
    trajectory = path.with_name(_TRAJECTORY_FILE)
    if trajectory.exists():
        stated = _read_json(trajectory).get("task_type")
    else:
        parts = (part.partition("-")[0] for part in reversed(path.parts))
        stated = next((part for part in parts if part in TASK_TYPES), None)
    if stated not in TASK_TYPES:
        raise InvalidInput(f"{path}: its task type {stated!r} is not one of AlfWorld's six.")
    return str(stated)
