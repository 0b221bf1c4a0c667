"""Gymnasium in and out: our worlds for its agents, its worlds for ours (extra: gymnasium)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import gymnasium

from retro_core.envs.base import Env, EnvInfo, EnvSpec, Transition
from retro_core.errors import InvalidInput
from retro_core.types import Task

OVER = "The episode is over."


class AnyText(gymnasium.Space[str]):
    """All texts. Samples are of the given examples."""

    def __init__(self, examples: Sequence[str] = ("look",)) -> None:
        super().__init__(shape=(), dtype=None)
        self._examples = tuple(examples)

    def contains(self, x: Any) -> bool:
        return isinstance(x, str)

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        return self._examples[int(self.np_random.integers(len(self._examples)))]


class GymnasiumEnv(gymnasium.Env[str, str]):
    """One of our environments with its tasks, as gymnasium wants it.

    A reset plays the task in `options={"task": ...}`, else one drawn by the seed. The last value
    of reset and step holds the fields of EnvInfo, and the task's id.
    """

    metadata = {"render_modes": []}

    def __init__(self, env: Env, tasks: Sequence[Task]) -> None:
        if not tasks:
            raise InvalidInput("A gymnasium environment needs at least one task.")
        self._env, self._tasks = env, tuple(tasks)
        self._task = self._tasks[0]
        self.observation_space = AnyText()
        self.action_space = AnyText()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        drawn = self._tasks[int(self.np_random.integers(len(self._tasks)))]
        self._task = (options or {}).get("task", drawn)
        observation, info = self._env.reset(self._task)
        return observation, self._described(info)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        made = self._env.step(action)
        info = self._described(made.info)
        return made.observation, made.reward, made.terminated, made.truncated, info

    def _described(self, info: EnvInfo) -> dict[str, Any]:
        return {**asdict(info), "task_id": self._task.id}


GymMaker = Callable[[], "gymnasium.Env[Any, Any]"]


class FromGymnasium:
    """A gymnasium environment as one of ours.

    A task's payload may hold `seed` and `options` of the reset. Actions are words: the names in
    `action_names`, in the order of a discrete action space, or any text where that is empty.
    `describe` puts an observation into words. Success is what the environment's info says under
    "success"; where it says nothing, an episode that ends with a positive return.
    """

    def __init__(
        self,
        name: str,
        make: GymMaker,
        action_names: Sequence[str] = (),
        describe: Callable[[Any], str] = str,
    ) -> None:
        self._name, self._env = name, make()
        self._action_names, self._describe = tuple(action_names), describe
        self._return = 0.0
        self._end: EnvInfo | None = None
        self._started = False

    def reset(self, task: Task) -> tuple[str, EnvInfo]:
        """Begin an episode with the task's seed and options."""
        if task.environment != self._name:
            raise InvalidInput(f"Task {task.id!r} does not belong to {self._name}.")
        payload = task.payload
        observation, told = self._env.reset(
            seed=payload.get("seed"), options=payload.get("options")
        )
        self._return, self._end, self._started = 0.0, None, True
        return self._describe(observation), self._info(told)

    def step(self, action: str) -> Transition:
        """Act by name. An unknown name is answered by the known ones."""
        if not self._started:
            raise InvalidInput("Reset the environment with a task before the first step.")
        if self._end is not None:
            return Transition(OVER, 0.0, True, False, self._end)
        word = action.strip()
        if self._action_names and word not in self._action_names:
            known = ", ".join(self._action_names)
            info = EnvInfo(admissible_actions=self._action_names, invalid_action=True)
            return Transition(f"Unknown action. Known: {known}.", 0.0, False, False, info)
        chosen = self._action_names.index(word) if self._action_names else word
        observation, reward, terminated, truncated, told = self._env.step(chosen)
        return self._transition(observation, float(reward), terminated, truncated, told)

    def _transition(
        self,
        observation: Any,
        reward: float,
        terminated: bool,
        truncated: bool,
        told: Mapping[str, Any],
    ) -> Transition:
        self._return += reward
        info = self._info(told)
        if terminated:
            success = bool(told.get("success", self._return > 0))
            score = 1.0 if success else info.score
            info = replace(info, success=success, score=score, admissible_actions=())
        self._end = info if terminated or truncated else None
        return Transition(self._describe(observation), reward, terminated, truncated, info)

    def _info(self, told: Mapping[str, Any]) -> EnvInfo:
        score = min(max(float(told.get("score", 0.0)), 0.0), 1.0)
        return EnvInfo(
            score=score,
            admissible_actions=tuple(told.get("admissible_actions", self._action_names)),
            invalid_action=bool(told.get("invalid_action", False)),
        )


SEED_STRIDE = 1_000_000  # seeds of one split; two splits never share one
GYM_SPLITS = ("train", "valid_seen", "valid_unseen")


def gymnasium_spec(
    name: str,
    make: GymMaker,
    goal: str,
    *,
    prompt_folder: str,
    max_steps: int,
    action_names: Sequence[str] = (),
    describe: Callable[[Any], str] = str,
) -> EnvSpec:
    """A spec for a gymnasium environment whose tasks differ by the seed of their reset."""

    def create() -> Env:
        return FromGymnasium(name, make, action_names, describe)

    def generate(*, count: int, split: str, seed: int) -> list[Task]:
        if split not in GYM_SPLITS:
            raise InvalidInput(
                f"{name} has no split {split!r}; there are: {', '.join(GYM_SPLITS)}."
            )
        first = (seed * len(GYM_SPLITS) + GYM_SPLITS.index(split)) * SEED_STRIDE
        return [
            Task(f"{name}-{number}", name, goal, split, payload={"seed": number})
            for number in range(first, first + count)
        ]

    return EnvSpec(
        name=name,
        title=name,
        description=f"The gymnasium environment {name}.",
        create=create,
        generate=generate,
        splits=GYM_SPLITS,
        default_max_steps=max_steps,
        default_trials=4,
        prompt_folder=prompt_folder,
        success_meaning="As the environment says, else an episode that ends with positive return.",
    )
