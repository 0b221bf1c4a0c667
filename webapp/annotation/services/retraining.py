"""From a queue's answers to a new reward model, and what the two reward models differ in."""

from dataclasses import dataclass, replace

from django.contrib.auth.models import User
from django.db import transaction

from retro_core.errors import InvalidInput
from retro_core.training.spec import TrainingSpec
from webapp.adapters.models import Adapter
from webapp.annotation.models import Measurement, Queue, Retraining
from webapp.annotation.services.measuring import ask
from webapp.training.models import Snapshot, SnapshotItem, TrainingRun
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.runs import launch
from webapp.training.services.snapshots import freeze
from webapp.training.services.specs import preset_spec

MOVES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Change:
    """A reflection whose rating differs between two points in time."""

    item: SnapshotItem
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Changes:
    """What people changed: how many ratings, how many signs, and the class balance."""

    compared: int
    changed: int
    flipped: int
    above_before: int
    above_after: int
    largest: list[Change]


@transaction.atomic
def retrain(
    queue: Queue, person: User, *, name: str, preset: str, max_steps: int | None = None
) -> Retraining:
    """Freeze the ratings of the queue's experiments and start a reward model on them.

    The split keeps its seed, so that a task held out once is held out again. `max_steps` ends the
    run earlier or later than the preset does. Raises InvalidInput.
    """
    experiments = queue.items.values_list("reflection__experiment", flat=True).distinct()
    query = BufferQuery(experiments=tuple(sorted(experiments)))
    snapshot = freeze(query, name=name, owner=person)
    earlier = reward_model_before(queue)
    run = launch(
        name=f"{name}: reward model",
        snapshot=snapshot,
        spec=_spec(preset, max_steps),
        preset=preset,
        owner=person,
        adapter_family=f"{name}-reward-model",
    )
    return Retraining.objects.create(
        queue=queue, snapshot=snapshot, run=run, earlier=earlier, made_by=person
    )


def _spec(preset: str, max_steps: int | None) -> TrainingSpec:
    spec = preset_spec("reward_model", preset)
    if max_steps is None:
        return spec
    return replace(spec, optimisation=replace(spec.optimisation, max_steps=max_steps))


def reward_model_before(queue: Queue) -> Adapter | None:
    """The queue's last reward model, else the newest there is."""
    own = Adapter.objects.reward_models().filter(made_by__retraining__queue=queue)
    return own.first() or Adapter.objects.reward_models().first()


def compare_finished() -> list[int]:
    """Ask for the comparison of each retraining whose run is done and that has none yet."""
    done = Retraining.objects.filter(run__status=TrainingRun.Status.DONE)
    made = Measurement.objects.filter(kind=Measurement.Kind.RETRAINING).values("snapshot")
    waiting = done.exclude(snapshot__in=made).select_related("run__adapter", "earlier", "snapshot")
    return [
        ask(
            Measurement.Kind.RETRAINING,
            adapter=row.run.adapter,
            earlier=row.earlier,
            snapshot=row.snapshot,
        ).pk
        for row in waiting
    ]


def changes_by_people(snapshot: Snapshot) -> Changes:
    """A snapshot's ratings beside the automatic ones of the same moment."""
    items = snapshot.items.exclude(automatic_rating=None).defer("prompt")
    return _changes([Change(i, i.automatic_rating or 0.0, i.rating) for i in items])


def changes_since(snapshot: Snapshot, earlier: Snapshot) -> Changes:
    """A snapshot's ratings beside those of an earlier one, of the reflections in both."""
    rows = earlier.items.exclude(reflection=None).values_list("reflection", "rating")
    before = dict(rows)
    items = snapshot.items.filter(reflection__in=before).defer("prompt")
    return _changes([Change(i, before[i.reflection_id or 0], i.rating) for i in items])


def snapshot_before(retraining: Retraining) -> Snapshot | None:
    """That of the queue's retraining before this one."""
    rows = Retraining.objects.filter(queue=retraining.queue_id, pk__lt=retraining.pk)
    last = rows.select_related("snapshot").order_by("-pk").first()
    return last.snapshot if last else None


def _changes(rows: list[Change]) -> Changes:
    moved = sorted(
        (row for row in rows if row.before != row.after),
        key=lambda row: (-abs(row.after - row.before), row.item.position),
    )
    return Changes(
        compared=len(rows),
        changed=len(moved),
        flipped=sum((row.before > 0) != (row.after > 0) for row in moved),
        above_before=sum(row.before > 0 for row in rows),
        above_after=sum(row.after > 0 for row in rows),
        largest=moved[:MOVES_SHOWN],
    )


def check_name(name: str) -> None:
    """Raises InvalidInput where a snapshot or run has the name already."""
    taken = TrainingRun.objects.filter(name=f"{name}: reward model").exists()
    if taken or Snapshot.objects.filter(name=name).exists():
        raise InvalidInput(f"There is a snapshot or training run named {name!r} already.")
