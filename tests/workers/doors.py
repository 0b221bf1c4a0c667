"""Experiments of the toy world: which tasks are solved in which trial is known beforehand."""

import random
from collections.abc import Callable, Sequence

from retro_core.actors.scripted import Rule, ScriptedActor
from retro_core.config import EpisodeConfig, ExperimentConfig, ReflectionConfig
from retro_core.envs.base import Env
from retro_core.reflectors.scripted import ScriptedReflector
from retro_core.types import Message
from tests.toy_world import DOORS, DoorsEnv, doors_prompts, doors_task
from webapp.experiments.models import Experiment
from webapp.experiments.services import create_experiment
from webapp.tasks.services import save_task_set
from workers.build import Parts

CONFIG = ExperimentConfig(
    method="reflexion",
    trials=3,
    episode=EpisodeConfig(max_steps=4),
    reflection=ReflectionConfig(format="free", examples=0),
)


def doors_experiment(
    tasks: int = 3, *, config: ExperimentConfig = CONFIG, name: str = "Doors"
) -> Experiment:
    """A draft. Tasks doors-0, doors-1, ... need the red, green, blue, red, ... door."""
    made = [doors_task(DOORS[n % 3], f"doors-{n}") for n in range(tasks)]
    task_set = save_task_set(f"{name} tasks", "doors", "train", made, source="a test")
    return create_experiment(name=name, task_set=task_set, config=config, concurrency=2)


def told_door(messages: Sequence[Message], admissible: Sequence[str], seed: int) -> str:
    """Opens the door that the newest reflection names, red without one, and leaves."""
    turn = sum(message.role == "assistant" for message in messages)
    told = [door for door in DOORS if f"Try {door}" in messages[0].content + messages[1].content]
    return (told[-1] if told else "open red") if turn == 0 else "leave"


def next_door(prompt: str, seed: int) -> str:
    """Names the door after the one that was tried."""
    return "Try open green." if "Try open green" not in prompt else "Try open blue."


def any_door(messages: Sequence[Message], admissible: Sequence[str], seed: int) -> str:
    """Opens a door by the seed, then leaves: luck alone, but repeatable."""
    return random.Random(seed).choice([*DOORS, "leave", "leave"])


def parts(
    rule: Rule = told_door,
    *,
    env: Callable[[], Env] = DoorsEnv,
    config: ExperimentConfig = CONFIG,
) -> Parts:
    """What `workers.build.build` would make, with scripted models."""
    reflector = ScriptedReflector(next_door)
    return Parts(env, ScriptedActor(rule), reflector, config, doors_prompts())
