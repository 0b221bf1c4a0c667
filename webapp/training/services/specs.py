"""Training specifications: from a preset, as differences, and how many updates they take."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from retro_core.errors import InvalidInput
from retro_core.training.dry_run import updates_of
from retro_core.training.failures import TrainingFailed
from retro_core.training.presets import PRESETS
from retro_core.training.selection import items_of_stage
from retro_core.training.spec import Stage, TrainingSpec
from webapp.present import DASH
from webapp.training.models import Snapshot, SnapshotItem
from webapp.training.services.snapshots import as_core

DEFAULT_PRESET = "cpu-small"


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that differs between two specifications."""

    name: str
    before: str
    after: str


def preset_spec(stage: Stage, preset: str) -> TrainingSpec:
    """A ready-made specification. Raises InvalidInput for an unknown one."""
    if preset not in PRESETS or stage not in PRESETS[preset]:
        raise InvalidInput(f"There is no preset {preset!r} for the stage {stage!r}.")
    return PRESETS[preset][stage]


def flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """`optimisation.batch_size` and its value, for every setting."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Every setting that differs, by name."""
    old, new = dict(flattened(before)), dict(flattened(after))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return [Change(name, str(old.get(name, DASH)), str(new.get(name, DASH))) for name in names]


def expected_updates(spec: TrainingSpec, snapshot: Snapshot) -> int:
    """Optimizer steps of the run; 0 where the stage cannot learn from this snapshot."""
    try:
        return updates_of(spec, learned_items(spec, snapshot))
    except TrainingFailed:
        return 0


def learned_items(spec: TrainingSpec, snapshot: Snapshot) -> int:
    """How many items the stage learns from. Raises TrainingFailed where it can learn nothing."""
    rows = [as_core(item) for item in snapshot.items.filter(split=SnapshotItem.Split.TRAIN)]
    return items_of_stage(rows, spec)
