"""Invented experiments with their tasks, episodes, steps and reflections, as rows to copy."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from retro_core.config import ExperimentConfig
from webapp.system.bench_data.copying import Row
from webapp.system.bench_data.texts import RARE_SHARE, THINGS, Texts

ENVIRONMENTS = ["alfworld", "hotpotqa", "webshop"]
METHODS = [*["reflexion", "retroformer"] * 6, "react"]
REFLECTS = {"reflexion", "retroformer"}
TRIALS, SOLVED_SHARE, STEPS_FROM, STEPS_TO = 5, 0.1, 8, 32
SMALL, LONG_STEPS = 8, 2_000


@dataclass(slots=True)
class Plan:
    """What was decided of one experiment, before its steps are written."""

    pk: int
    environment: str
    method: str
    created_at: datetime
    task_ids: list[int]
    episodes: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class World:
    """The numbers that the rows go on from, and what they are drawn from."""

    seed: int
    base: dict[str, int]
    texts: Texts
    began: datetime
    owner_ids: list[int]


def plans(world: World, *, episodes: int, tasks: dict[str, list[int]]) -> list[Plan]:
    """Three large experiments over all tasks, then small ones until there are enough episodes."""
    rng = random.Random(world.seed + 1)
    made: list[Plan] = []
    written, pk = 0, world.base["episode"]
    while written < episodes:
        environment = ENVIRONMENTS[len(made) % 3]
        own = tasks[environment]
        first = rng.randrange(max(len(own) - SMALL, 1))
        task_ids = own if len(made) < 3 else own[first : first + SMALL]
        plan = Plan(
            pk=world.base["experiment"] + len(made) + 1,
            environment=environment,
            method=METHODS[len(made) % len(METHODS)],
            created_at=world.began + timedelta(minutes=9 * len(made)),
            task_ids=task_ids,
        )
        for row in _episodes(rng, plan):
            pk += 1
            row |= {
                "id": pk,
                "finished_at": plan.created_at + timedelta(seconds=len(plan.episodes)),
            }
            plan.episodes.append(row)
        written += len(plan.episodes)
        made.append(plan)
    made[-1].episodes[-1]["step_count"] = LONG_STEPS
    return made


def _episodes(rng: random.Random, plan: Plan) -> Iterator[Row]:
    for task_id in plan.task_ids:
        for trial in range(1, TRIALS + 1):
            solved = rng.random() < SOLVED_SHARE
            yield {
                "experiment_id": plan.pk,
                "task_id": task_id,
                "trial": trial,
                "seed": trial,
                "success": solved,
                "episode_return": 1.0 if solved else round(rng.random() ** 2 * 0.9, 3),
                "terminated": solved,
                "truncated": not solved,
                "truncation_reason": "" if solved else "step_cap",
                "step_count": rng.randint(STEPS_FROM, STEPS_TO),
                "invalid_count": rng.randint(0, 4),
                "prompt_tokens": rng.randint(4_000, 40_000),
                "completion_tokens": rng.randint(200, 2_000),
                "seconds": round(rng.random() * 90, 1),
            }
            if solved:
                break


def experiment_row(world: World, plan: Plan, task_set_id: int) -> Row:
    """The experiment with its counters."""
    rng = random.Random(world.seed * 7919 + plan.pk)
    config = ExperimentConfig(trials=TRIALS, seed=plan.pk).to_json() | {"method": plan.method}
    solved = sum(row["success"] for row in plan.episodes)
    words = " ".join([*world.texts.entity(rng).split()[:1], rng.choice(THINGS)])
    return {
        "id": plan.pk,
        "name": f"{plan.environment} {plan.method} {words} {plan.pk}",
        "owner_id": rng.choice(world.owner_ids),
        "task_set_id": task_set_id,
        "environment": plan.environment,
        "method": plan.method,
        "actor_model": "household",
        "trials": TRIALS,
        "seed": plan.pk,
        "config": json.dumps(config),
        "code_version": "bench",
        "status": "finished",
        "created_at": plan.created_at,
        "started_at": plan.created_at,
        "finished_at": plan.created_at + timedelta(hours=1),
        "tasks_total": len(plan.task_ids),
        "tasks_ended": len(plan.task_ids),
        "tasks_solved": solved,
        "episodes_count": len(plan.episodes),
        "steps_count": sum(row["step_count"] for row in plan.episodes),
        "reflections_count": sum(1 for row in plan.episodes if _reflects(plan, row)),
        "prompt_tokens": sum(row["prompt_tokens"] for row in plan.episodes),
        "completion_tokens": sum(row["completion_tokens"] for row in plan.episodes),
    }


def task_rows(plan: Plan) -> Iterator[Row]:
    """The experiment's tasks, all ended."""
    ends: dict[int, Row] = {row["task_id"]: row for row in plan.episodes}
    for position, task_id in enumerate(plan.task_ids):
        last = ends[task_id]
        yield {
            "experiment_id": plan.pk,
            "task_id": task_id,
            "position": position,
            "state": "solved" if last["success"] else "unsolved",
            "trials_done": last["trial"],
            "solved_at_trial": last["trial"] if last["success"] else None,
        }


def curve_rows(plan: Plan) -> Iterator[Row]:
    """The rollup of each trial."""
    for trial in range(1, TRIALS + 1):
        rows = [row for row in plan.episodes if row["trial"] == trial]
        if rows:
            yield {
                "experiment_id": plan.pk,
                "trial": trial,
                "attempts": len(rows),
                "solved": sum(row["success"] for row in rows),
                "return_sum": sum(row["episode_return"] for row in rows),
                "step_sum": sum(row["step_count"] for row in rows),
            }


def step_rows(world: World, plan: Plan) -> Iterator[Row]:
    """Every step of every episode."""
    rng = random.Random(world.seed * 104_729 + plan.pk)
    texts = world.texts
    for episode in plan.episodes:
        last = episode["step_count"] - 1
        for index in range(last + 1):
            action = _action(rng, texts, plan.environment)
            observation = texts.some(rng, 4)
            if rng.random() < RARE_SHARE:
                rare = texts.rare_word(rng)
                observation = f"{observation} {rare}"
                action = f"search[{rare}]" if rng.random() < 0.3 else action
            yield {
                "episode_id": episode["id"],
                "index": index,
                "thought": texts.some(rng, 2) if index % 2 == 0 else "",
                "action": action,
                "observation": observation,
                "reward": episode["episode_return"] if index == last else 0.0,
                "prompt_tokens": 400,
                "completion_tokens": 30,
            }


def _action(rng: random.Random, texts: Texts, environment: str) -> str:
    if environment == "alfworld":
        thing, place = rng.choice(THINGS), rng.choice(THINGS)
        number = 1 + int(rng.random() * 20)
        return f"go to {place} {number}" if rng.random() < 0.6 else f"take {thing} {number}"
    if environment == "hotpotqa":
        kind = "search" if rng.random() < 0.6 else "lookup"
        return f"{kind}[{texts.entity(rng)}]"
    if rng.random() < 0.4:
        return f"search[{texts.entity(rng).lower()}]"
    return f"click[B0{int(rng.random() * 10**8):08d}]"


def reflection_rows(world: World, plan: Plan) -> Iterator[Row]:
    """One after each failed episode of a method that reflects, rated by the next trial."""
    rng = random.Random(world.seed * 15_485_863 + plan.pk)
    following = {(row["task_id"], row["trial"]): row for row in plan.episodes}
    for row in plan.episodes:
        if not _reflects(plan, row):
            continue
        later = following.get((row["task_id"], row["trial"] + 1))
        rating = later["episode_return"] - row["episode_return"] if later else None
        yield {
            "episode_id": row["id"],
            "experiment_id": plan.pk,
            "text": world.texts.some(rng, 6),
            "prompt": world.texts.some(rng, 20),
            "automatic_rating": rating,
            "effective_rating": rating,
            "written_at": row["finished_at"],
        }


def _reflects(plan: Plan, row: dict[str, Any]) -> bool:
    return plan.method in REFLECTS and not row["success"]
