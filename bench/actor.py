"""What the embedded actor does with a reflection: a table by kind of advice and task type.

Plays unseen games through the running LM server over the OpenAI protocol:
`python -m bench.actor --url http://127.0.0.1:8070 --model household --games 60`
"""

import argparse
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import mean
from typing import cast

from retro_core.actors.chat import ChatActor
from retro_core.config import PRESETS
from retro_core.envs.alfworld.env import AlfworldEnv
from retro_core.envs.alfworld.generator import generate
from retro_core.llm.chat import ChatClient
from retro_core.prompts.texts import load_prompts
from retro_core.rollout import Trial, rollout
from retro_core.training.imitation.advice import Advice, AdviceKind, make_advice
from retro_core.training.imitation.beliefs import Beliefs
from retro_core.training.imitation.chores import read_chore
from retro_core.types import Episode, Task

CONFIG = PRESETS["embedded"]
KINDS = ("none", "full", "free", "prefix", "search", "tour", "tours", "wrong", "other", "useless")
"""Those of the tuning, and `other`: the right plan of another chore in another room."""


@dataclass(frozen=True, slots=True)
class Played:
    """One episode and the advice it was given."""

    kind: str
    task: Task
    episode: Episode


def play(kind: str, task: Task, other: Task, *, actor: ChatActor) -> Played:
    """Play one unseen game with advice of one kind; `other` is a game with another chore."""
    env = AlfworldEnv()
    first, _ = env.reset(task)
    places = Beliefs.from_room(first).receptacles
    rng = random.Random(f"{kind} {task.id}")
    if kind == "other":
        advice = _advice("full", other, (), rng)
    else:
        advice = _advice(cast(AdviceKind, kind), task, places, rng)
    trial = Trial(1, 0, memory=advice.memory)
    prompts = load_prompts("alfworld")
    return Played(kind, task, rollout(env, actor, task, trial, config=CONFIG, prompts=prompts))


def _advice(kind: AdviceKind, task: Task, places: Sequence[str], rng: random.Random) -> Advice:
    return make_advice(kind, read_chore(task.goal), task.payload["walkthrough"], places, rng)


def others(tasks: Sequence[Task]) -> list[Task]:
    """For every task the next one of another task type."""
    count = len(tasks)
    return [
        next(
            later
            for later in (tasks[(place + step) % count] for step in range(1, count))
            if later.task_type != task.task_type
        )
        for place, task in enumerate(tasks)
    ]


def wilson(solved: int, count: int) -> tuple[float, float]:
    """The 95 % score interval of a share, in percent (Wilson 1927)."""
    z, share = 1.96, solved / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * ((share * (1 - share) + z * z / (4 * count)) / count) ** 0.5
    return 100 * (centre - half), 100 * (centre + half)


def row(name: str, games: Sequence[Played]) -> str:
    """One line of the table."""
    solved = sum(game.episode.success for game in games)
    low, high = wilson(solved, len(games))
    steps = mean(len(game.episode.steps) for game in games)
    looped = sum(game.episode.truncation_reason == "repeated_action" for game in games)
    success = f"{100 * solved / len(games):.0f} [{low:.0f}, {high:.0f}]"
    return f"| {name} | {len(games)} | {success} | {steps:.1f} | {looped} |"


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8070")
    parser.add_argument("--model", default="household")
    parser.add_argument("--games", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--normalisation", default="", choices=["", "sum", "mean"])
    asked = parser.parse_args()
    extra = {"choice_normalisation": asked.normalisation} if asked.normalisation else None
    client = ChatClient(f"{asked.url}/v1", asked.model, extra=extra)
    actor = ChatActor(client, CONFIG.actor, load_prompts("alfworld"))
    tasks = generate(count=asked.games, split="valid_unseen", seed=asked.seed)
    print("| advice | games | success % [95 %] | steps | loops |\n|---|---|---|---|---|")
    for kind in asked.kinds:
        started = time.monotonic()
        with ThreadPoolExecutor(asked.concurrency) as pool:
            games = list(pool.map(partial(play, kind, actor=actor), tasks, others(tasks)))
        print(row(f"**{kind}**", games), f"<!-- {time.monotonic() - started:.0f} s -->")
        for task_type in sorted({game.task.task_type for game in games}):
            print(row(task_type, [g for g in games if g.task.task_type == task_type]), flush=True)


if __name__ == "__main__":
    main()
