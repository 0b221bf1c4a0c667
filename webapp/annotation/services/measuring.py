"""Asking for measurements of reflections, what they need, and their results as rows."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet

from retro_core.refit import RatedFeatures, auc_gain, effect_of_people, rank_moves
from retro_core.training.evaluation import auc_with_interval
from webapp import jobs
from webapp.adapters.models import Adapter
from webapp.adapters.services.lineage import tasks_behind
from webapp.annotation.models import Measurement, ModelScore, TextFeatures, Work
from webapp.episodes.models import Reflection
from webapp.training.models import Snapshot, SnapshotItem

Kind = Measurement.Kind
Row = dict[str, Any]  # a line for the measuring process
RESAMPLES = 1000
BATCH = 500
LEAST_TASKS = 2  # of one task alone there is no interval


def ask(
    kind: str,
    *,
    adapter: Adapter | None = None,
    earlier: Adapter | None = None,
    snapshot: Snapshot | None = None,
    asked_by: User | None = None,
) -> Measurement:
    """Queue a measurement, or find the one that is under way."""
    subject = {"kind": kind, "adapter": adapter, "earlier": earlier, "snapshot": snapshot}
    try:
        with transaction.atomic():
            row = Measurement.objects.create(**subject, asked_by=asked_by)
            jobs.queue_job(jobs.TRAINING, jobs.MEASURE, row.pk)
            return row
    except IntegrityError:
        moving = [Work.Status.QUEUED, Work.Status.RUNNING]
        return Measurement.objects.get(**subject, status__in=moving)


def newest(kind: str, **subject: Any) -> Measurement | None:
    """The last measurement of a subject, whatever became of it."""
    return Measurement.objects.filter(kind=kind, **subject).order_by("-pk").first()


def digest(text: str) -> str:
    """The name under which the features of a text are kept."""
    return hashlib.sha256(text.encode()).hexdigest()


def texts_without_features(snapshot: Snapshot, base: str) -> list[Row]:
    """Each text of a snapshot once, unless its features are known."""
    texts = {digest(item.text): item.text for item in snapshot.items.only("text")}
    rows = TextFeatures.objects.filter(base=base, text_sha256__in=texts)
    known = set(rows.values_list("text_sha256", flat=True))
    return [
        {"key": key, "prompt": "", "text": text} for key, text in texts.items() if key not in known
    ]


def reflections_without_score(
    adapter: Adapter, snapshot: Snapshot | None
) -> "QuerySet[Reflection]":
    """What a reward model has not read: everything, or what a snapshot holds out."""
    scored = ModelScore.objects.filter(adapter=adapter, reflection=OuterRef("pk"))
    rows = Reflection.objects.filter(~Exists(scored)).exclude(prompt="").order_by("pk")
    if snapshot is None:
        return rows.filter(experiment__deleted_at=None)
    held = snapshot.items.filter(split=SnapshotItem.Split.VALIDATION)
    return rows.filter(pk__in=held.values("reflection"))


def keep_features(base: str, lines: Iterable[Row]) -> None:
    """Store vectors; one that is known stays."""
    rows = [
        TextFeatures(
            base=base,
            text_sha256=line["key"],
            vector=np.array(line["vector"], dtype="<f4").tobytes(),
        )
        for line in lines
    ]
    TextFeatures.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)


def keep_scores(adapter_id: int, lines: Iterable[Row]) -> None:
    """Store scores; one that is known stays. A reflection may have been deleted meanwhile."""
    scores = {int(line["key"]): float(line["score"]) for line in lines}
    there = Reflection.objects.filter(pk__in=scores).values_list("pk", flat=True)
    rows = [ModelScore(adapter_id=adapter_id, reflection_id=pk, score=scores[pk]) for pk in there]
    ModelScore.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)


def effect(snapshot: Snapshot, base: str) -> dict[str, Any]:
    """The figures of the refit over a snapshot whose features are all there."""
    return effect_of_people(rated_features(snapshot, base), seed=int(snapshot.query.get("seed", 0)))


def rated_features(snapshot: Snapshot, base: str) -> list[RatedFeatures]:
    """Every item of a snapshot whose features are all there."""
    items = list(snapshot.items.defer("prompt"))
    vectors = _vectors(base, {digest(item.text) for item in items})
    return [
        RatedFeatures(
            key=item.position,
            vector=vectors[digest(item.text)],
            automatic=item.automatic_rating,
            effective=item.rating,
            trial=item.trial,
            task=f"{item.environment}/{item.task_key}",
        )
        for item in items
    ]


def _vectors(base: str, wanted: Iterable[str]) -> dict[str, Any]:
    rows = TextFeatures.objects.filter(base=base, text_sha256__in=list(wanted))
    return {
        name: np.frombuffer(vector, dtype="<f4").astype(np.float64)
        for name, vector in rows.values_list("text_sha256", "vector")
    }


def compared(snapshot: Snapshot, adapter: Adapter, earlier: Adapter | None) -> dict[str, Any]:
    """Two reward models on the held-out tasks of a snapshot, against its ratings.

    Tasks that either of them learned from are left out: the earlier one may have been split by
    another seed or share. Where too few stay for an area, what stayed is all that is told.
    """
    held = list(
        snapshot.items.filter(split=SnapshotItem.Split.VALIDATION).only(
            "position", "rating", "trial", "environment", "task_key", "reflection"
        )
    )
    learned = tasks_behind([adapter, earlier] if earlier else [adapter])
    items = [item for item in held if (item.environment, item.task_key) not in learned]
    after = _scores(adapter, items)
    before = _scores(earlier, items) if earlier else {}
    both = [item for item in items if item.reflection_id in after]
    if earlier:
        both = [item for item in both if item.reflection_id in before]
    return {"left_out": len(held) - len(items), **_figures(both, after, before)}


def _figures(
    items: Sequence[SnapshotItem], after: Mapping[int, float], before: Mapping[int, float]
) -> dict[str, Any]:
    tasks = [f"{item.environment}/{item.task_key}" for item in items]
    truth = np.array([item.rating > 0 for item in items])
    counts = {"rows": len(items), "tasks": len(set(tasks)), "above": int(truth.sum())}
    if counts["tasks"] < LEAST_TASKS or counts["above"] in {0, len(items)}:
        return counts
    new = np.array([after[item.reflection_id or 0] for item in items])

    def measured(scores: Any) -> dict[str, float | None]:  # an array of floats
        return auc_with_interval(scores, truth, tasks, resamples=RESAMPLES, seed=0)

    figures: dict[str, Any] = {**counts, "after": measured(new)}
    if before:
        old = np.array([before[item.reflection_id or 0] for item in items])
        figures |= {
            "before": measured(old),
            "gain": auc_gain(old, new, truth, tasks, seed=0),
            "moves": rank_moves([item.position for item in items], old, new),
        }
    return figures


def _scores(adapter: Adapter, items: Sequence[SnapshotItem]) -> dict[int, float]:
    wanted = [item.reflection_id for item in items if item.reflection_id]
    rows = ModelScore.objects.filter(adapter=adapter, reflection__in=wanted)
    return dict(rows.values_list("reflection", "score"))
