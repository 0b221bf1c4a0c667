"""Rows on their way out: the tables, read by server-side cursors in small chunks."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from webapp.annotation.models import Adjudication, Response
from webapp.episodes.models import Episode, Reflection
from webapp.exchange.columns import Row
from webapp.experiments.models import Experiment
from webapp.tasks.models import TaskSetMember

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Scope:
    """What is taken along: some experiments and task sets by id, or None for all not deleted."""

    experiments: list[int] | None = None
    task_sets: list[int] | None = None


def tasks(scope: Scope) -> Iterator[Row]:
    """One row for each place of a task in a task set."""
    rows = TaskSetMember.objects.select_related("task_set", "task")
    if scope.task_sets is not None:
        rows = rows.filter(task_set__in=scope.task_sets)
    for row in rows.order_by("task_set__name", "position").iterator(CHUNK):
        yield {
            "task_set": row.task_set.name,
            "task_set_split": row.task_set.split,
            "task_set_source": row.task_set.source,
            "position": row.position,
            "environment": row.task.environment,
            "task_id": row.task.key,
            "split": row.task.split,
            "task_type": row.task.task_type,
            "goal": row.task.goal,
            "payload": _json(row.task.payload),
        }


def experiments(scope: Scope) -> Iterator[Row]:
    """How each experiment was set up."""
    rows = _experiments(scope).select_related("task_set").order_by("name")
    for row in rows.iterator(CHUNK):
        yield {
            "experiment": row.name,
            "environment": row.environment,
            "task_set": row.task_set.name,
            "method": row.method,
            "actor": row.actor_model,
            "reflector": row.reflector_model,
            "adapter": row.adapter,
            "trials": row.trials,
            "seed": row.seed,
            "concurrency": row.concurrency,
            "notes": row.notes,
            "config": _json(row.config),
            "code_version": row.code_version,
            "created_at": _time(row.created_at),
            "started_at": _time(row.started_at),
            "finished_at": _time(row.finished_at),
        }


def episodes(scope: Scope) -> Iterator[Row]:
    """Each trial with its prompt head and all steps; the shape that logs are imported in."""
    rows = (
        _of(scope, Episode.objects.all())
        .select_related("experiment", "task", "head")
        .defer("task__payload", "experiment__config", "experiment__notes")
        .prefetch_related("steps")
        .order_by("experiment__name", "task__key", "trial")
    )
    for row in rows.iterator(CHUNK // 5):
        head = getattr(row, "head", None)
        yield {
            "experiment": row.experiment.name,
            "environment": row.experiment.environment,
            "method": row.experiment.method,
            "actor": row.experiment.actor_model,
            "task_id": row.task.key,
            "split": row.task.split,
            "goal": row.task.goal,
            "trial": row.trial,
            "seed": row.seed,
            "success": row.success,
            "episode_return": row.episode_return,
            "terminated": row.terminated,
            "truncated": row.truncated,
            "truncation_reason": row.truncation_reason,
            "final_answer": row.final_answer,
            "head": head.messages if head else [],
            "steps": [_step(step) for step in row.steps.all()],
            "finished_at": _time(row.finished_at),
        }


STEP_COLUMNS = (
    *("thought", "action", "observation", "reward", "invalid", "reply", "prompt_sha256"),
    *("dropped_observations", "follow_ups", "repaired"),
    *("prompt_tokens", "completion_tokens", "seconds"),
)


def _step(step: Any) -> Row:  # a Step; its columns are read by name
    return {name: getattr(step, name) for name in STEP_COLUMNS}


REFLECTION_COLUMNS = {
    "experiment": "experiment__name",
    "environment": "experiment__environment",
    "task_id": "episode__task__key",
    "split": "episode__task__split",
    "trial": "episode__trial",
    **{name: name for name in ("text", "prompt", "adapter", "source", "candidates", "seed")},
    **{f"{name}_rating": f"{name}_rating" for name in ("automatic", "human", "effective")},
    **{name: name for name in ("repeats_previous", "prompt_tokens", "completion_tokens")},
    **{name: name for name in ("seconds", "written_at")},
}


def reflections(scope: Scope) -> Iterator[Row]:
    """Each reflection with its three ratings."""
    names = list(REFLECTION_COLUMNS)
    rows = _reflections(scope).select_related(None).defer(None)  # plain values: half the time
    for values in rows.values_list(*REFLECTION_COLUMNS.values()).iterator(CHUNK):
        row = dict(zip(names, values, strict=True))
        yield row | {"written_at": _time(row["written_at"])}


def ratings(scope: Scope) -> Iterator[Row]:
    """Each reflection's ratings, with every answer of a person and every decision."""
    people = Response.objects.select_related("item__queue", "person", "entered_by", "replaces")
    decided = Adjudication.objects.select_related("item__queue", "decided_by")
    rows = (
        _reflections(scope)
        .defer("text", "prompt")
        .prefetch_related(
            Prefetch("responses", people.order_by("pk")),
            Prefetch("adjudications", decided.order_by("pk")),
        )
    )
    for row in rows.iterator(CHUNK):
        yield {
            **_place(row),
            **_ratings(row),
            "responses": [_response(one) for one in row.responses.all()],
            "decisions": [_decision(one) for one in row.adjudications.all()],
        }


def _reflections(scope: Scope) -> "QuerySet[Reflection]":
    return (
        _of(scope, Reflection.objects.all())
        .select_related("experiment", "episode__task")
        .defer("episode__task__payload", "experiment__config", "experiment__notes")
        .order_by("experiment__name", "episode__task__key", "episode__trial")
    )


def _experiments(scope: Scope) -> "QuerySet[Experiment]":
    if scope.experiments is None:
        return Experiment.objects.filter(deleted_at=None)
    return Experiment.objects.filter(pk__in=scope.experiments)


def _of(scope: Scope, rows: "QuerySet[Any]") -> "QuerySet[Any]":  # of Episode or Reflection
    return rows.filter(experiment__in=_experiments(scope))


def _place(row: Reflection) -> Row:
    return {
        "experiment": row.experiment.name,
        "environment": row.experiment.environment,
        "task_id": row.episode.task.key,
        "split": row.episode.task.split,
        "trial": row.episode.trial,
    }


def _ratings(row: Reflection) -> Row:
    return {
        "automatic_rating": row.automatic_rating,
        "human_rating": row.human_rating,
        "effective_rating": row.effective_rating,
    }


def _response(row: Response) -> Row:
    return {
        "key": str(row.key),
        "replaces": str(row.replaces.key) if row.replaces else None,
        "queue": row.item.queue.name,
        "copy": row.item.copy,
        "person": row.person.get_username(),
        "entered_by": row.entered_by.get_username(),
        "kind": row.kind,
        "value": row.value,
        "automatic_rating": row.automatic_rating,
        "first_kind": row.first_kind,
        "first_value": row.first_value,
        "confidence": row.confidence,
        "rubric": _json(row.rubric),
        "reasons": row.reasons,
        "spans": _json(row.spans),
        "note": row.note,
        "seconds": row.seconds,
        "digest": row.digest,
        "at": _time(row.created_at),
        "said_at": _time(row.said_at) if row.said_at else None,
    }


def _decision(row: Adjudication) -> Row:
    return {
        "queue": row.item.queue.name if row.item else None,
        "copy": row.item.copy if row.item else None,
        "value": row.value,
        "withdrawn": row.withdrawn,
        "gold": row.gold,
        "why": row.why,
        "decided_by": row.decided_by.get_username(),
        "at": _time(row.decided_at),
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _time(when: datetime | None) -> str | None:
    return when.isoformat() if when else None


def counts(scope: Scope) -> dict[str, int]:
    """How many rows each table will have, for the progress."""
    members = TaskSetMember.objects.all()
    if scope.task_sets is not None:
        members = members.filter(task_set__in=scope.task_sets)
    written = _of(scope, Reflection.objects.all()).count()
    return {
        "tasks": members.count(),
        "experiments": _experiments(scope).count(),
        "episodes": _of(scope, Episode.objects.all()).count(),
        "reflections": written,
        "ratings": written,
    }


READERS: dict[str, Callable[[Scope], Iterator[Row]]] = {
    "tasks": tasks,
    "experiments": experiments,
    "episodes": episodes,
    "reflections": reflections,
    "ratings": ratings,
}
