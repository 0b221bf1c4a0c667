"""The snapshot file: rated reflections, one a line, each in the train or the validation split."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from retro_core.errors import InvalidInput
from retro_core.replay import split_by_task
from retro_core.types import RatedReflection

SPLITS = ("train", "validation")
_FIELDS: Mapping[str, Any] = {spec.name: spec.type for spec in fields(RatedReflection)}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rated reflections to train on, and those of other tasks to measure on."""

    train: tuple[RatedReflection, ...]
    validation: tuple[RatedReflection, ...]


def read_snapshot(path: Path, *, validation_fraction: float, seed: int) -> Snapshot:
    """Read a snapshot file; tasks are split here only where no row names a split.

    Raises InvalidInput that names the line, or the task that lies in both splits.
    """
    pairs = list(_rows(path))
    if any(split for _, split in pairs):
        return _as_marked(pairs)
    rows = [row for row, _ in pairs]
    train, validation = split_by_task(rows, held_share=validation_fraction, seed=seed)
    return Snapshot(tuple(train), tuple(validation))


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot file: one item a line, with its split."""
    with path.open("w", encoding="utf-8") as stream:
        for split, rows in zip(SPLITS, (snapshot.train, snapshot.validation), strict=True):
            for row in rows:
                stream.write(json.dumps({**asdict(row), "split": split}) + "\n")


def _as_marked(pairs: Sequence[tuple[RatedReflection, str]]) -> Snapshot:
    train = tuple(row for row, split in pairs if split != "validation")
    validation = tuple(row for row, split in pairs if split == "validation")
    both = {_task(row) for row in train} & {_task(row) for row in validation}
    if both:
        task = min(both)[1]
        raise InvalidInput(f"The task {task!r} is both in the train and the validation split.")
    return Snapshot(train, validation)


def _task(row: RatedReflection) -> tuple[str, str]:
    return row.environment, row.task_id


def _rows(path: Path) -> Iterator[tuple[RatedReflection, str]]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"Cannot read the snapshot {path}: {error}.") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _row(line, f"line {number} of {path.name}")


def _row(line: str, place: str) -> tuple[RatedReflection, str]:
    try:
        values = json.loads(line)
    except ValueError as error:
        raise InvalidInput(f"{place} is not JSON: {error}.") from error
    if not isinstance(values, dict):
        raise InvalidInput(f"{place} is not a JSON object.")
    split = values.pop("split", "")
    if split not in ("", *SPLITS):
        raise InvalidInput(f"{place}: split must be train or validation, not {split!r}.")
    _check_fields(values, place)
    return RatedReflection(**{name: values[name] for name in _FIELDS}), split


def _check_fields(values: Mapping[str, Any], place: str) -> None:
    # Further fields (source, adapter, experiment) are for people and pass unread.
    for name, kind in _FIELDS.items():
        value = values.get(name)
        allowed = (int, float) if kind is float else kind
        if not isinstance(value, allowed) or isinstance(value, bool):
            raise InvalidInput(f"{place}: {name} must be of type {kind.__name__}.")
    if not math.isfinite(values["rating"]):
        raise InvalidInput(f"{place}: rating must be a finite number.")
