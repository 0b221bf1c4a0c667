"""The text environment protocol, with gymnasium's semantics, and the registry of environments."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from retro_core.errors import InvalidInput
from retro_core.types import Task

ENTRY_POINT_GROUP = "retro_core.envs"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EnvInfo:
    """What an environment tells beside the observation.

    `score` is the task's progress in 0..1. `admissible_actions` is empty where actions are free
    text. `invalid_action` says that the last action was not understood or changed nothing.
    """

    success: bool = False
    score: float = 0.0
    admissible_actions: tuple[str, ...] = ()
    invalid_action: bool = False
    final_answer: str = ""


@dataclass(frozen=True, slots=True)
class Transition:
    """What follows an action. Unpacks to five values in gymnasium's order through `astuple`."""

    observation: str
    reward: float
    terminated: bool
    truncated: bool
    info: EnvInfo


class Env(Protocol):
    """One world, holding the state of one episode at a time. Not shared between threads."""

    def reset(self, task: Task) -> tuple[str, EnvInfo]:
        """Begin an episode. Raises InvalidInput if the task does not belong to this world."""

    def step(self, action: str) -> Transition:
        """Act. Nonsense is answered by an observation, never by an error."""


def nothing_missing() -> str:
    """This machine has all that the environment needs."""
    return ""


@dataclass(frozen=True, slots=True)
class EnvSpec:
    """What is known of an environment without starting it.

    `create` makes a fresh Env. `generate(count, split, seed)` makes tasks of the project's own.
    `prompt_folder` names the folder below retro_core/prompts with the actor's instructions and
    worked examples. `action_forms` are the forms that an action can take, for people to read.
    `missing()` says what this machine lacks to play it, and is empty where nothing is.
    """

    name: str
    title: str
    description: str
    create: "EnvFactory"
    generate: "TaskGenerator"
    splits: tuple[str, ...]
    default_max_steps: int
    default_trials: int
    prompt_folder: str
    success_meaning: str
    licence: str = ""
    task_types: tuple[str, ...] = field(default=())
    action_forms: tuple[str, ...] = field(default=())
    missing: Callable[[], str] = nothing_missing


class EnvFactory(Protocol):
    """Makes a fresh environment."""

    def __call__(self) -> Env: ...


class TaskGenerator(Protocol):
    """Makes `count` tasks of one split; the same seed gives the same tasks."""

    def __call__(self, *, count: int, split: str, seed: int) -> Sequence[Task]: ...


@cache
def registered() -> dict[str, EnvSpec]:
    """Every installed environment by name, the project's own and those of other packages.

    One that cannot be imported is left out with a warning: the others are still of use.
    """
    found = filter(None, map(_loaded, entry_points(group=ENTRY_POINT_GROUP)))
    return {spec.name: spec for spec in sorted(found, key=lambda spec: spec.name)}


def _loaded(point: EntryPoint) -> EnvSpec | None:
    try:
        spec: EnvSpec = point.load()
    except (ImportError, AttributeError) as error:
        log.warning("The environment %s is left out: %s", point.name, error)
        return None
    return spec


def env_spec(name: str) -> EnvSpec:
    """Look an environment up. Raises InvalidInput with the known names."""
    specs = registered()
    if name not in specs:
        raise InvalidInput(f"No environment named {name!r}; installed: {', '.join(specs)}.")
    return specs[name]
