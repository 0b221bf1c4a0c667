"""Household games in AlfWorld's format, played natively in Python."""

from retro_core.envs.alfworld.chores import TASK_TYPES
from retro_core.envs.alfworld.env import ENVIRONMENT, AlfworldEnv
from retro_core.envs.alfworld.generator import generate
from retro_core.envs.alfworld.layouts import SPLITS
from retro_core.envs.alfworld.official import load_tasks
from retro_core.envs.base import EnvSpec

__all__ = ["ENVIRONMENT", "SPEC", "AlfworldEnv", "generate", "load_tasks"]

SPEC = EnvSpec(
    name=ENVIRONMENT,
    title="AlfWorld",
    description="Household chores in a text world: find things, change them, put them in place.",
    create=AlfworldEnv,
    generate=generate,
    splits=SPLITS,
    default_max_steps=49,
    default_trials=5,
    prompt_folder="alfworld",
    success_meaning="The chore is done: the goal of the game holds.",
    licence="Generated games: Apache-2.0. Official games: MIT (AlfWorld, ALFRED).",
    task_types=TASK_TYPES,
    action_forms=(
        "go to X",
        "open X",
        "close X",
        "take X from Y",
        "move X to Y",
        "clean X with Y",
        "heat X with Y",
        "cool X with Y",
        "use X",
        "examine X",
        "look",
        "inventory",
    ),
)
