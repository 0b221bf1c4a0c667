"""Snapshots of the replay buffer: frozen once, exported as the file that the trainer reads."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from retro_core.errors import InvalidInput
from retro_core.replay import split_by_task
from retro_core.types import RatedReflection
from webapp.names import taken_once
from webapp.training.models import Snapshot, SnapshotItem
from webapp.training.services.buffer import BufferQuery, items_of

BATCH = 500
CHUNK = 1000


@transaction.atomic
def freeze(query: BufferQuery, *, name: str, owner: User | None = None) -> Snapshot:
    """Store what the query finds now, split by task.

    Raises InvalidInput if that is nothing, or the name is taken.
    """
    items = frozen_items(query)
    if not items:
        raise InvalidInput("The query finds no rated reflection: collect or rate some first.")
    with taken_once("snapshot", name):
        snapshot = Snapshot.objects.create(
            name=name,
            owner=owner,
            query=query.to_json(),
            sha256=digest(items),
            items_count=len(items),
            counts=counts(items),
        )
    for item in items:
        item.snapshot = snapshot
    SnapshotItem.objects.bulk_create(items, batch_size=BATCH)
    return snapshot


def free_snapshot_name(wanted: str) -> str:
    """A name that no snapshot has, for one that is taken at a launch."""
    plain = f"{wanted[:100]}: its query"
    taken = set(
        Snapshot.objects.filter(name__startswith=plain[:100]).values_list("name", flat=True)
    )
    names = (plain if number == 1 else f"{plain} {number}" for number in count(1))
    return next(name for name in names if name not in taken)


def frozen_items(query: BufferQuery) -> list[SnapshotItem]:
    """Unsaved items with their split and position."""
    items = list(items_of(query))
    records = [as_core(item) for item in items]
    _, held = split_by_task(records, held_share=query.validation_share, seed=query.seed)
    held_tasks = {(record.environment, record.task_id) for record in held}
    for position, item in enumerate(items):
        out = (item.environment, item.task_key) in held_tasks
        item.split = SnapshotItem.Split.VALIDATION if out else SnapshotItem.Split.TRAIN
        item.position = position
    return items


def as_core(item: SnapshotItem) -> RatedReflection:
    """The record the algorithm works on."""
    return RatedReflection(
        task_id=item.task_key,
        environment=item.environment,
        trial=item.trial,
        prompt=item.prompt,
        text=item.text,
        rating=item.rating,
    )


def export_lines(items: Iterable[SnapshotItem]) -> Iterator[bytes]:
    """One JSON object a line: what the trainer reads, and where it came from."""
    for item in items:
        values = {
            "task_id": item.task_key,
            "environment": item.environment,
            "trial": item.trial,
            "prompt": item.prompt,
            "text": item.text,
            "rating": item.rating,
            "split": item.split,
            "experiment": item.experiment_name,
            "adapter": item.adapter,
            "automatic_rating": item.automatic_rating,
            "human_rating": item.human_rating,
        }
        if item.source:  # else the file of an old snapshot would no longer have its digest
            values["source"] = item.source
        yield json.dumps(values, sort_keys=True).encode() + b"\n"


def stored_lines(snapshot: Snapshot) -> Iterator[bytes]:
    """The exported file of a stored snapshot."""
    return export_lines(snapshot.items.order_by("position").iterator(CHUNK))


def digest(items: Iterable[SnapshotItem]) -> str:
    """The sha256 of the exported file."""
    found = hashlib.sha256()
    for line in export_lines(items):
        found.update(line)
    return found.hexdigest()


def counts(items: Sequence[SnapshotItem]) -> dict[str, Any]:
    """How many of what, as JSON values."""
    by_split = {
        split: _split_counts([item for item in items if item.split == split])
        for split in SnapshotItem.Split.values
    }
    people = [item for item in items if item.human_rating is not None]
    return {
        **by_split,
        "rated_by_people": len(people),
        "sign_changed_by_people": sum(_sign_changed(item) for item in people),
        "environments": dict(Counter(item.environment for item in items)),
        "experiments": dict(Counter(item.experiment_name for item in items)),
    }


def _split_counts(items: Sequence[SnapshotItem]) -> dict[str, int]:
    return {
        "items": len(items),
        "tasks": len({(item.environment, item.task_key) for item in items}),
        "helped": sum(item.rating > 0 for item in items),
        "even": sum(item.rating == 0 for item in items),
        "hurt": sum(item.rating < 0 for item in items),
    }


def _sign_changed(item: SnapshotItem) -> bool:
    """Whether the rating counts on another side than the automatic one did."""
    return item.automatic_rating is not None and (item.rating > 0) != (item.automatic_rating > 0)
