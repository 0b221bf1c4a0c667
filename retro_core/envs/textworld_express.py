"""TextWorldExpress as an environment (extra: textworldexpress; its engine needs Java)."""

import importlib
import shutil
import weakref
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from retro_core.envs.base import EnvInfo, EnvSpec, Transition
from retro_core.errors import InvalidInput
from retro_core.types import Task

ENVIRONMENT = "textworldexpress"
PACKAGE = "textworld_express"
GOALS = {
    "coin": "Search the rooms for the coin and take it.",
    "twc": "Put every object that is out of place where it usually belongs.",
    "cookingworld": "Read the cookbook in the kitchen, prepare its meal and eat it.",
}
# Our splits, the engine's word for each, and the first of its thousand seeds.
FOLDS = {
    "train": ("train", 0),
    "valid_seen": ("dev", 10_000),
    "valid_unseen": ("test", 20_000),
}
SEEDS_PER_FOLD = 1_000
UNKNOWN = "Unknown action"
OVER = "The episode is over."
ENDLESS = 1_000_000  # steps: the experiment's own cap truncates

Engine = Any  # the package is untyped, and absent where the extra is not installed
_idle: list[Engine] = []


def missing() -> str:
    """What this machine lacks; empty if the games can be played."""
    lacks = []
    if find_spec(PACKAGE) is None:
        lacks.append("the extra textworldexpress (pip install '.[textworldexpress]')")
    if shutil.which("java") is None:
        lacks.append("Java 8 or newer (the command java)")
    return f"it lacks {' and '.join(lacks)}." if lacks else ""


class TextWorldExpressEnv:
    """One game at a time. A task's payload holds `game`, `seed`, `fold` and perhaps `params`.

    Its engine is a Java process, which the next environment takes over when this one is gone.
    """

    def __init__(self) -> None:
        self._engine: Engine = None
        self._score = 0.0
        self._end: EnvInfo | None = None

    def reset(self, task: Task) -> tuple[str, EnvInfo]:
        """Begin a game. Raises InvalidInput if it is none, or if the engine is not installed."""
        payload = task.payload
        if task.environment != ENVIRONMENT or not {"game", "seed", "fold"} <= payload.keys():
            raise InvalidInput(f"Task {task.id!r} is not a game: it has no game, seed and fold.")
        if words := missing():
            raise InvalidInput(f"TextWorldExpress cannot be played here: {words}")
        if self._engine is None:
            self._engine = _idle.pop() if _idle else _start()
            weakref.finalize(self, _idle.append, self._engine)
        try:
            observation, told = self._engine.reset(
                seed=payload["seed"],
                gameFold=payload["fold"],
                gameName=payload["game"],
                gameParams=payload.get("params", ""),
            )
        except ValueError as error:
            raise InvalidInput(f"Task {task.id!r}: {error}") from error
        self._score, self._end = 0.0, None
        return f"{told['taskDescription']}\n\n{observation.strip()}", _info(told)

    def step(self, action: str) -> Transition:
        """Act. The reward is the gain in score, which runs from 0 to 1."""
        if self._end is not None:
            return Transition(OVER, 0.0, True, False, self._end)
        if self._engine is None:
            raise InvalidInput("Reset the environment with a task before the first step.")
        observation, _, ended, told = self._engine.step(action.strip())
        info = _info(told, ended=ended, unknown=observation.startswith(UNKNOWN))
        reward, self._score = info.score - self._score, info.score
        self._end = info if ended else None
        return Transition(observation.strip(), reward, bool(ended), False, info)


def _info(told: Mapping[str, Any], *, ended: bool = False, unknown: bool = False) -> EnvInfo:
    return EnvInfo(
        success=bool(told["tasksuccess"]),
        score=min(max(float(told["score"]), 0.0), 1.0),
        admissible_actions=() if ended else tuple(sorted(set(told["validActions"]))),
        invalid_action=unknown,
    )


def _start() -> Engine:
    return importlib.import_module(PACKAGE).TextWorldExpressEnv(envStepLimit=ENDLESS)


def generate(*, count: int, split: str, seed: int) -> list[Task]:
    """Games of all kinds in turn; the engine's folds share no seed."""
    if split not in FOLDS:
        raise InvalidInput(f"No split {split!r}; there are: {', '.join(FOLDS)}.")
    if count > len(GOALS) * SEEDS_PER_FOLD:
        raise InvalidInput(f"A split holds {len(GOALS) * SEEDS_PER_FOLD} games, not {count}.")
    return [_task(number, split, seed) for number in range(count)]


def _task(number: int, split: str, seed: int) -> Task:
    turn, kind = divmod(number, len(GOALS))
    game = list(GOALS)[kind]
    fold, first = FOLDS[split]
    game_seed = first + (seed + turn) % SEEDS_PER_FOLD
    return Task(
        id=f"{game}-{game_seed}",
        environment=ENVIRONMENT,
        goal=GOALS[game],
        split=split,
        task_type=game,
        payload={"game": game, "seed": game_seed, "fold": fold},
    )


SPEC = EnvSpec(
    name=ENVIRONMENT,
    title="TextWorldExpress",
    description="Quick text games of rooms and objects: find a coin, tidy up, cook a meal.",
    create=TextWorldExpressEnv,
    generate=generate,
    splits=tuple(FOLDS),
    default_max_steps=50,
    default_trials=4,
    prompt_folder=ENVIRONMENT,
    success_meaning="The engine reports the task as done.",
    licence="Adapter: Apache-2.0. Engine, installed apart: Apache-2.0 (TextWorldExpress).",
    task_types=tuple(GOALS),
    action_forms=(
        "look around",
        "inventory",
        "move DIRECTION",
        "open X",
        "take X",
        "put X in Y",
        "read X",
        "cook X in Y",
    ),
    missing=missing,
)
