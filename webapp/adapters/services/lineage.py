"""Where an adapter comes from, down to every rating and person, and every episode it wrote for."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet

from webapp.adapters.models import Adapter
from webapp.annotation.models import Adjudication, Response
from webapp.episodes.models import Reflection
from webapp.training.models import SnapshotItem, TrainingRun


@dataclass(frozen=True, slots=True)
class Word:
    """What a person said of a reflection; `decided` if over the answers of others."""

    person: str
    value: float | None
    kind: str
    decided: bool


@dataclass(frozen=True, slots=True)
class Person:
    """How much of an adapter's ratings a person gave."""

    name: str
    answers: int
    decisions: int


def runs_behind(adapter: Adapter) -> list[TrainingRun]:
    """Every training run that shaped it, nearest first: its own, its parents', its reward model's.

    A tree without repeats: an adapter's parts are older than itself.
    """
    found: dict[int, TrainingRun] = {}
    open_ids = [adapter.pk]
    while open_ids:
        rows = TrainingRun.objects.filter(adapter__in=open_ids).select_related(
            "snapshot", "adapter", "parent", "reward_model", "owner"
        )
        fresh = [run for run in rows if run.pk not in found]
        found |= {run.pk: run for run in fresh}
        parts = [(run.parent_id, run.reward_model_id) for run in fresh]
        open_ids = [pk for pair in parts for pk in pair if pk is not None]
    return list(found.values())


def items_behind(runs: Iterable[TrainingRun]) -> "QuerySet[SnapshotItem]":
    """The rated reflections that those runs read."""
    return SnapshotItem.objects.filter(snapshot__in={run.snapshot_id for run in runs})


def tasks_behind(adapters: Iterable[Adapter]) -> set[tuple[str, str]]:
    """Environment and key of each task that one of them, or a model behind it, was trained on."""
    runs = [run for adapter in adapters for run in runs_behind(adapter)]
    learned = items_behind(runs).filter(split=SnapshotItem.Split.TRAIN).order_by()
    return set(learned.values_list("environment", "task_key").distinct())


def people_behind(items: "QuerySet[SnapshotItem]") -> list[Person]:
    """Who rated what was learned from, the most active first.

    Answers that were replaced later count too: the snapshot may hold them.
    """
    reflections = items.order_by().values("reflection")
    responses = Response.objects.filter(reflection__in=reflections).order_by()
    judged = Adjudication.objects.filter(reflection__in=reflections).order_by()
    answers = dict(responses.values_list("person__username").annotate(Count("pk")))
    decisions = dict(judged.values_list("decided_by__username").annotate(Count("pk")))
    people = [
        Person(name, answers.get(name, 0), decisions.get(name, 0))
        for name in {*answers, *decisions}
    ]
    return sorted(people, key=lambda person: (-person.answers, -person.decisions, person.name))


def words_on(items: Sequence[SnapshotItem]) -> dict[int, list[Word]]:
    """What people said before the snapshot was taken, by the id of the item; two queries."""
    ids = {item.reflection_id for item in items}
    said: dict[int, list[tuple[datetime, Word]]] = defaultdict(list)
    responses = Response.objects.filter(reflection__in=ids).select_related("person")
    for row in responses.order_by("pk"):
        word = Word(row.person.get_username(), row.value, row.kind, False)
        said[row.reflection_id].append((row.created_at, word))
    judged = Adjudication.objects.filter(reflection__in=ids).select_related("decided_by")
    for decision in judged.order_by("pk"):
        word = Word(decision.decided_by.get_username(), decision.value, "decided", True)
        said[decision.reflection_id].append((decision.decided_at, word))
    return {
        item.pk: [
            word
            for when, word in said.get(item.reflection_id or 0, [])
            if when <= item.snapshot.created_at
        ]
        for item in items
    }


def written_with(adapter: Adapter) -> "QuerySet[Reflection]":
    """Every reflection it wrote, with the episode it reflected on; none of deleted experiments."""
    rows = Reflection.objects.filter(adapter=adapter.name, experiment__deleted_at=None)
    return rows.select_related("episode__task", "experiment").defer(
        "prompt", "candidates", "episode__task__payload", "experiment__config"
    )
