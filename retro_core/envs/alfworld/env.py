"""The household world as an environment: tasks in, observations and rewards out."""

from typing import Literal

from retro_core.envs.alfworld.game import read_game
from retro_core.envs.alfworld.play import Play
from retro_core.envs.alfworld.wording import (
    NOTHING_HAPPENS,
    PutStyle,
    Wording,
    first_observation,
)
from retro_core.envs.base import EnvInfo, Transition
from retro_core.errors import InvalidInput
from retro_core.types import Task

ENVIRONMENT = "alfworld"
Returns = Literal["goal_conditions", "success"]


class AlfworldEnv:
    """Plays household games natively.

    With `returns="goal_conditions"` the reward of a step is the change in the share of goal
    conditions that hold, counted from zero, so the episode return is the share at the end;
    with `returns="success"` it is 1 for the step that wins. `put_style` overrides the task's own.
    """

    def __init__(
        self, *, returns: Returns = "goal_conditions", put_style: PutStyle | None = None
    ) -> None:
        self._returns = returns
        self._put_style = put_style
        self._play: Play | None = None
        self._credited = 0.0

    def reset(self, task: Task) -> tuple[str, EnvInfo]:
        """Begin a game. Raises InvalidInput if the task is not one of this world."""
        if task.environment != ENVIRONMENT:
            raise InvalidInput(f"Task {task.id} belongs to {task.environment!r}, not to alfworld.")
        play = self._play = Play(read_game(_problem_text(task)), self._wording(task))
        self._credited = 0.0
        return first_observation(play.opening(), task.goal), _info(play)

    def step(self, action: str) -> Transition:
        """Act. What the game does not understand is answered by "Nothing happens."."""
        if self._play is None:
            raise InvalidInput("Call reset before step.")
        observation = self._play.act(action)
        info = _info(self._play, invalid=observation == NOTHING_HAPPENS)
        progress = info.score if self._returns == "goal_conditions" else float(info.success)
        reward, self._credited = progress - self._credited, progress
        return Transition(observation, reward, info.success, False, info)

    def _wording(self, task: Task) -> Wording:
        style = self._put_style or task.payload.get("put_style", "move")
        if style not in ("move", "put"):
            raise InvalidInput(f"Task {task.id}: put_style is {style!r}, not 'move' or 'put'.")
        return Wording(
            put_style=style,
            names_locations=bool(task.payload.get("names_locations", False)),
            has_help=bool(task.payload.get("has_help", True)),
        )


def _problem_text(task: Task) -> str:
    text = task.payload.get("pddl_problem")
    if not isinstance(text, str):
        raise InvalidInput(f"Task {task.id} has no text under pddl_problem in its payload.")
    return text


def _info(play: Play, *, invalid: bool = False) -> EnvInfo:
    return EnvInfo(
        success=play.won(),
        score=play.fraction(),
        admissible_actions=play.admissible(),
        invalid_action=invalid,
    )
