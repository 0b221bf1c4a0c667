"""Snapshots and training runs of the tiny model of the trainer's own tests."""

from pathlib import Path

from tests.core.training_world import make_base_model, reflections, tiny_spec
from webapp.training.models import Snapshot, SnapshotItem, TrainingRun
from webapp.training.services.runs import launch
from webapp.training.services.snapshots import counts, digest


def tiny_base(folder: Path) -> Path:
    """A base model of 15 words."""
    return make_base_model(folder)


def tiny_snapshot(name: str = "doors", *, held: int = 1) -> Snapshot:
    """24 items of 6 tasks, half of them rated +1 and half -1; the last tasks are held out."""
    rows = reflections()
    out = {f"task-{5 - number}" for number in range(held)}
    items = [
        SnapshotItem(
            position=position,
            split="validation" if row.task_id in out else "train",
            experiment_name="by hand",
            environment=row.environment,
            task_key=row.task_id,
            task_split="train",
            trial=row.trial,
            prompt=row.prompt,
            text=row.text,
            rating=row.rating,
            automatic_rating=row.rating,
        )
        for position, row in enumerate(rows)
    ]
    snapshot = Snapshot.objects.create(
        name=name, sha256=digest(items), items_count=len(items), counts=counts(items)
    )
    for item in items:
        item.snapshot = snapshot
    SnapshotItem.objects.bulk_create(items)
    return snapshot


def tiny_run(
    snapshot: Snapshot, stage: str = "sft", *, name: str = "tiny", **changes: object
) -> TrainingRun:
    """A queued run of 6 small steps."""
    spec = tiny_spec(Path("unused"), stage, **changes)
    return launch(name=name, snapshot=snapshot, spec=spec, preset="cpu-small")
