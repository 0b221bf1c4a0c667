"""Hindsight: the shortened plan of a success is the reflection an earlier failure lacked.

After Andrychowicz et al., Hindsight Experience Replay (arXiv 1707.01495), in the form of text.
Nothing is assumed: the reflection is rated by a real retry like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from retro_core.envs.base import EnvFactory
from retro_core.reflectors.base import Completion
from retro_core.types import Task, Usage

MISTAKE = "Mistake: I did not do what solves the task."


def shortened(create_env: EnvFactory, task: Task, actions: Sequence[str]) -> tuple[str, ...]:
    """Leave out every action without which the rest still solves the task, last ones first.

    Returns the actions unchanged where the environment does not repeat the success.
    """
    plan = list(actions)
    for index in reversed(range(len(plan))):
        rest = plan[:index] + plan[index + 1 :]
        if solves(create_env, task, rest):
            plan = rest
    return tuple(plan)


def solves(create_env: EnvFactory, task: Task, actions: Sequence[str]) -> bool:
    """Whether these actions, each admissible in its turn, end in success."""
    env = create_env()
    _, info = env.reset(task)
    for action in actions:
        if info.admissible_actions and action not in info.admissible_actions:
            return False
        info = env.step(action).info
    return info.success


def plan_text(plan: Sequence[str]) -> str:
    """A structured reflection that holds this plan."""
    lines = [f"{number}. {command}" for number, command in enumerate(plan, start=1)]
    return "\n".join([MISTAKE, "Plan:", *lines])


@dataclass(slots=True)
class HindsightReflector:
    """Answers every reflection prompt of one task with the plan that solved it."""

    plan: tuple[str, ...]
    adapter: str = "hindsight"

    def reflect(self, prompt: str, *, seed: int, grammar: str = "") -> Completion:
        """Give the plan; no model is asked, so nothing is used up."""
        return Completion(plan_text(self.plan), Usage())
