"""The replay buffer as the database holds it, and the query that a snapshot freezes."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from django.db.models import F, QuerySet

from webapp.episodes.models import Reflection
from webapp.training.models import SnapshotItem

RatingSource = Literal["effective", "automatic", "human", "counterfactual"]
Repeats = Literal["keep", "exact", "near"]
RATING_COLUMNS: dict[str, str] = {
    "effective": "effective_rating",
    "automatic": "automatic_rating",
    "human": "human_rating",
    "counterfactual": "counterfactual__mean",
}
CHUNK = 2000


@dataclass(frozen=True, slots=True)
class BufferQuery:
    """What of the replay buffer to take. An empty list takes all; nothing deleted is taken.

    `repeats`: keep all, drop equal texts to equal prompts (exact), drop also those that repeat the
    reflection of the trial before (near).
    """

    environments: tuple[str, ...] = ()
    experiments: tuple[int, ...] = ()
    methods: tuple[str, ...] = ()
    task_splits: tuple[str, ...] = ()
    task_types: tuple[str, ...] = ()
    rating_source: RatingSource = "effective"
    repeats: Repeats = "exact"
    validation_share: float = 0.2
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """JSON values by field name."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def rated_reflections(query: BufferQuery) -> "QuerySet[Reflection]":
    """The rows that the query allows, oldest first; repeats are still among them."""
    column = RATING_COLUMNS[query.rating_source]
    chosen: dict[str, Any] = {f"{column}__isnull": False, "experiment__deleted_at": None}
    if query.environments:
        chosen["experiment__environment__in"] = query.environments
    if query.experiments:
        chosen["experiment__in"] = query.experiments
    if query.methods:
        chosen["experiment__method__in"] = query.methods
    if query.task_splits:
        chosen["episode__task__split__in"] = query.task_splits
    if query.task_types:
        chosen["episode__task__task_type__in"] = query.task_types
    rows = Reflection.objects.filter(**chosen).exclude(prompt="")
    if query.repeats == "near":
        rows = rows.filter(repeats_previous=False)
    return rows.order_by("pk")


def items_of(query: BufferQuery) -> Iterator[SnapshotItem]:
    """Unsaved snapshot items, without split and position."""
    column = RATING_COLUMNS[query.rating_source]
    rows = rated_reflections(query).select_related("episode__task", "experiment")
    rows = rows.defer("episode__task__payload", "episode__task__goal", "experiment__config")
    rows = rows.annotate(chosen_rating=F(column))
    seen: set[tuple[str, str, str]] = set()
    for row in rows.iterator(CHUNK):
        key = (row.experiment.environment, row.prompt, row.text)
        if query.repeats != "keep" and key in seen:
            continue
        seen.add(key)
        yield _item(row, row.chosen_rating)


def _item(row: Reflection, rating: float) -> SnapshotItem:
    task = row.episode.task
    return SnapshotItem(
        reflection=row,
        experiment_name=row.experiment.name,
        environment=task.environment,
        task_key=task.key,
        task_split=task.split,
        trial=row.episode.trial,
        adapter=row.adapter,
        source=row.source,
        prompt=row.prompt,
        text=row.text,
        rating=rating,
        automatic_rating=row.automatic_rating,
        human_rating=row.human_rating,
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
