"""The text environment protocol, with gymnasium's semantics, and the registry of environments."""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from math import isfinite
from typing import ParamSpec, Protocol, TypeVar

from retro_core.errors import InvalidInput, RetroError
from retro_core.prompts.texts import load_prompts
from retro_core.types import Task

ENTRY_POINT_GROUP = "retro_core.envs"
OWN_PACKAGE = "retro_core."
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
log = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


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


@dataclass(frozen=True, slots=True)
class BrokenEnv:
    """An entry point that gives no environment: its name, its package, and why."""

    name: str
    package: str
    reason: str


def registered() -> dict[str, EnvSpec]:
    """Every installed environment by name, the project's own and those of other packages."""
    return _discovered()[0]


def broken() -> tuple[BrokenEnv, ...]:
    """The entry points that are left out, each with the reason: the others are still of use."""
    return _discovered()[1]


def env_spec(name: str) -> EnvSpec:
    """Look an environment up. Raises InvalidInput with the known names."""
    specs = registered()
    if name in specs:
        return specs[name]
    for one in broken():
        if one.name == name:
            raise InvalidInput(f"The environment {name!r} of {one.package} is broken: {one.reason}")
    raise InvalidInput(f"No environment named {name!r}; installed: {', '.join(specs)}.")


@cache
def _discovered() -> tuple[dict[str, EnvSpec], tuple[BrokenEnv, ...]]:
    """Own environments come first, so that no other package takes their names."""
    specs: dict[str, EnvSpec] = {}
    left_out = []
    points = entry_points(group=ENTRY_POINT_GROUP)
    for point in sorted(points, key=lambda one: (not _is_own(one), one.name)):
        try:
            spec = _loaded(point)
            if spec.name in specs:
                raise InvalidInput(f"there is another environment named {spec.name!r}")
        except InvalidInput as error:
            package = point.dist.name if point.dist else "an unknown package"
            log.warning("The environment %s of %s is left out: %s", point.name, package, error)
            left_out.append(BrokenEnv(point.name, package, str(error)))
        else:
            specs[spec.name] = spec if _is_own(point) else _guarded(spec)
    return dict(sorted(specs.items())), tuple(left_out)


def _is_own(point: EntryPoint) -> bool:
    return point.value.startswith(OWN_PACKAGE)


def _loaded(point: EntryPoint) -> EnvSpec:
    """What an entry point names. Raises InvalidInput, whatever is wrong with it."""
    try:
        return _checked(point.load())
    except InvalidInput:
        raise
    except (Exception, SystemExit) as error:  # code of any package: it may fail in any way
        raise InvalidInput(f"it cannot be loaded: {told(error)}") from error


def _checked(spec: object) -> EnvSpec:
    if not isinstance(spec, EnvSpec):
        raise InvalidInput(f"it names a {type(spec).__name__}, not an EnvSpec")
    name: object = spec.name  # types are not checked there
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InvalidInput(
            f"its name {name!r} is not 1 to 60 of a-z, 0-9, _ and -, a letter or digit first"
        )
    if not spec.splits:
        raise InvalidInput("it has no splits")
    load_prompts(spec.prompt_folder).text("instructions")
    return spec


def told(error: BaseException) -> str:
    """An error of foreign code in one line."""
    return f"{type(error).__name__}: {error}"[:500]


def _guarded(spec: EnvSpec) -> EnvSpec:
    """The same, and whatever its code raises is an InvalidInput: a task fails, not the studio."""

    def missing() -> str:
        try:
            return spec.missing()
        except Exception as error:  # noqa: BLE001  # code of any package
            return f"it cannot tell what it lacks ({told(error)})"

    def create() -> Env:
        return GuardedEnv(spec.title, spec.create())

    return replace(
        spec,
        create=_guarding(spec.title, create),
        generate=_guarding(spec.title, spec.generate),
        missing=missing,
    )


def _guarding(title: str, function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        try:
            return function(*args, **kwargs)
        except RetroError:
            raise
        except Exception as error:
            log.exception("The environment %s failed", title)
            raise InvalidInput(f"{title} failed with an error of its own: {told(error)}") from error

    return call


class GuardedEnv:
    """An environment of another package, whose answers are looked at before they are used."""

    def __init__(self, title: str, env: Env) -> None:
        self._title = title
        self._reset, self._step = _guarding(title, env.reset), _guarding(title, env.step)

    def reset(self, task: Task) -> tuple[str, EnvInfo]:
        """Begin an episode. Raises InvalidInput where the environment fails."""
        match self._reset(task):
            case (str() as observation, EnvInfo() as info):
                return observation, info
        raise InvalidInput(f"{self._title}: reset gave no (observation, EnvInfo).")

    def step(self, action: str) -> Transition:
        """Act. Raises InvalidInput where the environment fails."""
        match self._step(action):
            case Transition(observation=str(), reward=int() | float(), info=EnvInfo()) as made:
                if isfinite(made.reward):
                    return made
        raise InvalidInput(f"{self._title}: step gave no Transition with a finite reward.")
