"""The stock AlfWorld engine behind the same protocol, to compare with; an optional extra."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from retro_core.envs.base import EnvInfo, Transition
from retro_core.errors import InvalidInput
from retro_core.types import Task

EXTRA = "alfworld-stock"
_UNKNOWN_GOAL = "UNKNOWN GOAL"


class StockAlfworldEnv:
    """Plays a task with AlfWorld and TextWorld. The reward is 1 for the step that wins.

    `score` is 0 or 1: the stock engine knows no goal conditions. Not safe beside other threads.
    Raises InvalidInput if the extra is not installed.
    """

    def __init__(self) -> None:
        if find_spec("alfworld") is None or find_spec("textworld") is None:
            raise InvalidInput(
                "The stock AlfWorld engine is not installed:"
                f" pip install 'retroformer-studio[{EXTRA}]' (it compiles a planner)."
            )
        self._engine: Any = None  # no types are published for the stock engine
        self._won = False

    def reset(self, task: Task) -> tuple[str, EnvInfo]:
        """Begin a game. Raises InvalidInput if the task is not one of this world."""
        problem = task.payload.get("pddl_problem")
        if task.environment != "alfworld" or not isinstance(problem, str):
            raise InvalidInput(f"Task {task.id} is no household game.")
        self._engine = _engine()
        self._engine.load(_game_file(problem, task.goal))
        self._won = False
        state = self._engine.reset()
        return state.feedback, _info(state, invalid=False)

    def step(self, action: str) -> Transition:
        """Act."""
        if self._engine is None:
            raise InvalidInput("Call reset before step.")
        state, _, _ = self._engine.step(action)
        info = _info(state, invalid=state.feedback == "Nothing happens.")
        reward, self._won = float(info.success) - float(self._won), info.success
        return Transition(state.feedback, reward, info.success, False, info)


def _engine() -> Any:
    textworld = import_module("textworld")
    pddl_env = import_module("textworld.envs").PddlEnv
    demangler = import_module("alfworld.agents.environment.alfred_tw_env").AlfredDemangler
    return demangler(pddl_env(textworld.EnvInfos(won=True, admissible_commands=True)))


def _game_file(problem: str, goal: str) -> dict[str, Any]:
    """What a game.tw-pddl holds, with the domain and grammar of the installed package."""
    folder = Path(str(import_module("alfworld").__file__)).parent / "data"
    grammar = (folder / "alfred.twl2").read_text(encoding="utf-8")
    return {
        "pddl_domain": (folder / "alfred.pddl").read_text(encoding="utf-8"),
        "grammar": grammar.replace(_UNKNOWN_GOAL, goal),
        "pddl_problem": problem,
    }


def _info(state: Any, *, invalid: bool) -> EnvInfo:
    return EnvInfo(
        success=bool(state["won"]),
        score=float(state["won"]),
        admissible_actions=tuple(state["admissible_commands"]),
        invalid_action=invalid,
    )
