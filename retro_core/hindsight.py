"""Hindsight: the shortened plan of a success is the reflection an earlier failure lacked.

After Andrychowicz et al., Hindsight Experience Replay (arXiv 1707.01495), in the form of text.
Nothing is assumed: the reflection is rated by a real retry like any other. A plan must not know
more than its prompt: where the thing lies that nobody had found, it looks into other places first.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from string import Template

from retro_core.envs.base import EnvFactory
from retro_core.prompts.digest import unseen_in_prompt
from retro_core.prompts.grammar import kind_of
from retro_core.prompts.texts import PromptSet
from retro_core.reflectors.base import Completion
from retro_core.types import Task, Usage

Plan = tuple[str, ...]
Works = Callable[[Plan], bool]

MISTAKE = "Mistake: I did not do what solves the task."
UNSEEN_MISTAKE = "Mistake: I went back to places that I knew and did not look into new ones."
MOST_VISITS = 6  # places that a plan looks into before the one where the thing is


def shortened(create_env: EnvFactory, task: Task, actions: Sequence[str]) -> Plan:
    """The plan in these actions, without all that the success did not need.

    Runs of actions are left out and not single ones alone: a thing that was put down on the way has
    to be taken again, and only both together are superfluous. Where that ends, an action is done
    later if more can be left out then: a door is opened when there is something to put behind it.
    Returns the actions unchanged where the environment does not repeat the success.
    """

    def works(plan: Plan) -> bool:
        return solves(create_env, task, plan)

    plan = tuple(actions)
    if not works(plan):
        return plan
    while rest := _without_one_run(plan, works) or _with_one_later(plan, works):
        plan = rest
    return plan


def _without_one_run(plan: Plan, works: Works) -> Plan | None:
    """The longest run and the last of its length goes first."""
    for length in range(len(plan) - 1, 0, -1):
        for start in range(len(plan) - length, -1, -1):
            rest = plan[:start] + plan[start + length :]
            if works(rest):
                return rest
    return None


def _with_one_later(plan: Plan, works: Works) -> Plan | None:
    for place, action in enumerate(plan):
        for later in range(place + 1, len(plan)):
            moved = (*plan[:place], *plan[place + 1 : later + 1], action, *plan[later + 1 :])
            if works(moved) and (rest := _without_one_run(moved, works)):
                return rest
    return None


def solves(create_env: EnvFactory, task: Task, actions: Sequence[str]) -> bool:
    """Whether these actions, each admissible in its turn, end in success."""
    env = create_env()
    _, info = env.reset(task)
    for action in actions:
        if info.admissible_actions and action not in info.admissible_actions:
            return False
        info = env.step(action).info
    return info.success


@dataclass(frozen=True, slots=True)
class Searching:
    """Adds to plans what their author could not know: visits to other unseen places.

    `plan_found` finds the place in a command that tells where a thing was; `plan_visit` is how a
    place is visited; a world without these texts keeps its plans as they are.
    """

    found: str
    visit: Template
    most_lines: int

    @classmethod
    def of(cls, prompts: PromptSet, most_lines: int) -> "Searching":
        """The texts of one environment."""
        visit = Template(prompts.optional("plan_visit"))
        return cls(prompts.optional("plan_found"), visit, most_lines)

    def guessed(self, plan: Sequence[str], unseen: Sequence[str]) -> list[str]:
        """The places where the plan finds something although nobody had looked there."""
        places = re.findall(self.found, "\n".join(plan)) if self.found else []
        return [place for place in dict.fromkeys(places) if place in unseen]

    def longer(self, plan: Sequence[str], unseen: Sequence[str], rng: Random) -> tuple[str, ...]:
        """The plan with up to MOST_VISITS other places before each guessed one.

        Places of the same kind come first: who does not know which drawer looks into all of them.
        """
        result = list(plan)
        others = [place for place in unseen if self._arrival(place) not in plan]
        for place in self.guessed(plan, unseen):
            count = min(MOST_VISITS, len(others), self.most_lines - len(result))
            arrival = self._arrival(place)
            if count <= 0 or arrival not in result:
                continue
            chosen = _same_kind_first(place, others, rng)[:count]
            others = [other for other in others if other not in chosen]
            start = result.index(arrival)
            result[start:start] = map(self._arrival, chosen)
        return tuple(result)

    def _arrival(self, place: str) -> str:
        return self.visit.substitute(place=place)


def _same_kind_first(place: str, others: Sequence[str], rng: Random) -> list[str]:
    shuffled = rng.sample(others, len(others))
    return sorted(shuffled, key=lambda other: kind_of(other) != kind_of(place))


def plan_text(plan: Sequence[str], mistake: str = MISTAKE) -> str:
    """A structured reflection that holds this plan."""
    lines = [f"{number}. {command}" for number, command in enumerate(plan, start=1)]
    return "\n".join([mistake, "Plan:", *lines])


@dataclass(slots=True)
class HindsightReflector:
    """Answers every reflection prompt of one task with the plan that solved it.

    Where the prompt's digest shows that nobody had found a thing, the plan searches for it.
    """

    plan: tuple[str, ...]
    prompts: PromptSet
    most_lines: int
    adapter: str = "hindsight"

    def reflect(
        self, prompt: str, *, seed: int, grammar: str = "", warmer: float = 0.0
    ) -> Completion:
        """Give the plan; no model is asked, so nothing is used up."""
        unseen = unseen_in_prompt(prompt, self.prompts)
        searching = Searching.of(self.prompts, self.most_lines)
        mistake = UNSEEN_MISTAKE if searching.guessed(self.plan, unseen) else MISTAKE
        plan = searching.longer(self.plan, unseen, Random(seed))
        return Completion(plan_text(plan, mistake), Usage())
