"""The parts of the pages of worlds: every value already words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, QuerySet

from retro_core.envs.base import EnvSpec, env_spec
from retro_core.errors import InvalidInput
from retro_core.types import Step
from webapp import present
from webapp.experiments.models import Experiment, ExperimentTask
from webapp.tasks.models import TaskSet, TaskSetMember
from webapp.worlds.services.hand_experiment import known_experiment

ACTIONS_SHOWN = 12
OBSERVATION_SHOWN = 1_500
GOAL_SHOWN = 220


@dataclass(frozen=True, slots=True)
class WorldRow:
    """An environment on the list of worlds."""

    spec: EnvSpec
    missing: str
    task_sets: int
    experiments: int


@dataclass(frozen=True, slots=True)
class Sample:
    """A generated task and how it begins."""

    goal: str
    observation: present.Clipped
    actions: Sequence[str]
    more_actions: int


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task to pick, and what the person has done with it."""

    number: int
    task_id: int
    key: str
    task_type: str
    goal: present.Clipped
    state: str
    trials_done: int
    can_begin: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """One step as the person took it."""

    number: int
    thought: str
    action: str
    observation: str
    invalid: bool


def world_rows(specs: Iterable[EnvSpec]) -> list[WorldRow]:
    """Every installed environment, with how much there is of it."""
    task_sets = _counts(TaskSet.objects.all())
    experiments = _counts(Experiment.objects.unarchived())
    return [
        WorldRow(spec, spec.missing(), task_sets.get(spec.name, 0), experiments.get(spec.name, 0))
        for spec in specs
    ]


def _counts(rows: "QuerySet[Any]") -> dict[str, int]:
    return dict(rows.order_by().values_list("environment").annotate(Count("pk")))


@cache
def sample(name: str) -> Sample:
    """How the first task of the first split begins: the same every time. Raises InvalidInput."""
    spec = env_spec(name)
    tasks = spec.generate(count=1, split=spec.splits[0], seed=0)
    if not tasks:
        raise InvalidInput(f"{spec.title} makes no task of its split {spec.splits[0]}.")
    task = tasks[0]
    observation, info = spec.create().reset(task)
    actions = info.admissible_actions
    return Sample(
        goal=task.goal,
        observation=present.clip(observation, OBSERVATION_SHOWN),
        actions=actions[:ACTIONS_SHOWN],
        more_actions=max(len(actions) - ACTIONS_SHOWN, 0),
    )


def task_rows(
    person: User, task_set: TaskSet, first: int, size: int
) -> tuple[list[TaskRow], int | None]:
    """Tasks from place `first` on, and the place of the next page."""
    members = task_set.members.select_related("task").defer("task__payload")
    found = list(members.filter(position__gte=first).order_by("position")[: size + 1])
    experiment = known_experiment(person, task_set)
    played = ExperimentTask.objects.filter(
        experiment=experiment, task__in=[member.task_id for member in found]
    )
    by_task = {row.task_id: row for row in played} if experiment else {}
    rows = [_task_row(member, by_task.get(member.task_id)) for member in found[:size]]
    return rows, found[size].position if len(found) > size else None


def _task_row(member: TaskSetMember, played: ExperimentTask | None) -> TaskRow:
    state = played.state if played else ""
    return TaskRow(
        number=member.position + 1,
        task_id=member.task_id,
        key=member.task.key,
        task_type=member.task.task_type,
        goal=present.clip(member.task.goal, GOAL_SHOWN),
        state=state,
        trials_done=played.trials_done if played else 0,
        can_begin=state in ("", ExperimentTask.State.OPEN),
    )


def turns(steps: Sequence[Step]) -> list[Turn]:
    """The steps so far, without the rewards: an agent does not see them either."""
    return [
        Turn(number, step.thought, step.action, step.observation, step.invalid)
        for number, step in enumerate(steps, start=1)
    ]
