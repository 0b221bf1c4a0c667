"""Making task sets: from an environment's generator, or from tasks that are given."""

import json
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from retro_core import types
from retro_core.envs.base import env_spec
from retro_core.errors import InvalidInput
from webapp.names import taken_once
from webapp.tasks.models import Task, TaskSet, TaskSetMember

IMPORTED_SPLIT = "imported"
BATCH = 500


def generate_task_set(*, environment: str, split: str, count: int, seed: int, name: str) -> TaskSet:
    """Make `count` tasks of the project's own. Raises InvalidInput."""
    spec = env_spec(environment)
    if split not in spec.splits:
        raise InvalidInput(f"{spec.title} has the splits {', '.join(spec.splits)}, not {split!r}.")
    tasks = spec.generate(count=count, split=split, seed=seed)
    return save_task_set(name, environment, split, tasks, source=f"generated with seed {seed}")


def generated_set(environment: str, split: str, count: int, seed: int) -> TaskSet:
    """The task set that these four name, made where missing. Raises InvalidInput."""
    name = f"{environment} {split}, {count} task{'' if count == 1 else 's'}, seed {seed}"
    named = TaskSet.objects.filter(name=name)
    if made_before := named.first():
        return made_before
    try:
        return generate_task_set(
            environment=environment, split=split, count=count, seed=seed, name=name
        )
    except InvalidInput:
        made_meanwhile = named.first()  # by the same wish, sent twice at once
        if made_meanwhile is None:
            raise
        return made_meanwhile


@transaction.atomic
def save_task_set(
    name: str, environment: str, split: str, tasks: Sequence[types.Task], *, source: str
) -> TaskSet:
    """Store a named list of tasks. Raises InvalidInput if it is empty or the name is taken."""
    if not tasks:
        raise InvalidInput("A task set needs at least one task.")
    stored = store_tasks(tasks)
    with taken_once("task set", name):
        task_set = TaskSet.objects.create(
            name=name, environment=environment, split=split, source=source
        )
    rows = [
        TaskSetMember(task_set=task_set, task=stored[task.id], position=position)
        for position, task in enumerate(tasks)
    ]
    TaskSetMember.objects.bulk_create(rows, batch_size=BATCH)
    return task_set


def store_tasks(tasks: Sequence[types.Task]) -> dict[str, Task]:
    """Rows of tasks of one environment by key, made where missing.

    A task known only from imported episodes takes what is now known of it. Raises InvalidInput
    if a key is twice in the list, or known with other content: episodes hang on it.
    """
    keys = [task.id for task in tasks]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InvalidInput(f"Task {twice!r} is in the list twice.")
    rows = [Task(**_columns(task)) for task in tasks]
    Task.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
    stored = Task.objects.filter(environment=tasks[0].environment, key__in=keys)
    by_key = {row.key: row for row in stored}
    for task in tasks:
        _agree(by_key[task.id], task)
    return by_key


def _agree(row: Task, task: types.Task) -> None:
    if _columns(row.as_core()) == _columns(task):
        return
    if row.split != IMPORTED_SPLIT or (row.goal and row.goal != task.goal):
        raise InvalidInput(f"Task {task.id!r} is known with another goal or payload.")
    for column, value in _columns(task).items():
        setattr(row, column, value)
    row.save()


def _columns(task: types.Task) -> dict[str, Any]:
    return {
        "environment": task.environment,
        "key": task.id,
        "split": task.split,
        "task_type": task.task_type,
        "goal": task.goal,
        "payload": json.loads(json.dumps(dict(task.payload))),  # as it comes back from a row
    }
