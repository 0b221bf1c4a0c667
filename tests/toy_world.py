"""A toy environment: three doors, one of them right; the score grows when it is found."""

from retro_core.envs.base import EnvInfo, Transition
from retro_core.prompts.texts import PromptSet, load_prompts
from retro_core.types import Task

DOORS = ("open red", "open green", "open blue")


def doors_task(right: str = "open green", task_id: str = "doors-1") -> Task:
    return Task(task_id, "doors", "Find the way out.", payload={"right": right})


class DoorsEnv:
    """Opening the right door and then leaving solves the task: score 0.5, then 1.0."""

    def __init__(self, *, free_text: bool = False) -> None:
        self.free_text = free_text
        self.right = ""
        self.found = False

    def reset(self, task: Task) -> tuple[str, EnvInfo]:
        self.right, self.found = task.payload["right"], False
        return "You see three doors.", self._info()

    def step(self, action: str) -> Transition:
        if action == "leave" and self.found:
            return Transition("You are out.", 1.0, True, False, self._info(success=True))
        if action == self.right:
            self.found = True
            return Transition("A way out.", 0.0, False, False, self._info())
        if action in DOORS:
            return Transition("A wall.", 0.0, False, False, self._info())
        return Transition("Nothing happens.", 0.0, False, False, self._info(invalid=True))

    def _info(self, *, success: bool = False, invalid: bool = False) -> EnvInfo:
        actions = () if self.free_text else (*DOORS, "leave")
        score = 1.0 if success else 0.5 * self.found
        return EnvInfo(success, score, actions, invalid)


def doors_prompts() -> PromptSet:
    """The common texts with instructions of the toy world."""
    common = load_prompts("common")
    own = {
        "instructions": "Open doors. Answer with one action.",
        "fixed_advice": "Try every door.",
        "plan_command": "open (red|green|blue)|leave",
        "example_1": "Observation: Doors.\nThought: Red first.\nAction: open red",
    }
    return PromptSet("doors", {**common.texts, **own})
