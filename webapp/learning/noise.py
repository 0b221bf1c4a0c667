"""Copies of collected experiments whose retries were noisy, stored as imported experiments."""

import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from retro_core.errors import InvalidInput
from webapp.exchange.checking import BadRows
from webapp.exchange.columns import Row
from webapp.exchange.intake import Terms, take
from webapp.exchange.leaving import READERS, Scope
from webapp.exchange.reading import Found
from webapp.exchange.tables import TABLES
from webapp.experiments.models import Experiment
from webapp.learning.protocol import Protocol

COPIED = ("experiments", "episodes", "reflections")
RETRY = 2  # the trial that rates the reflection of the first


@dataclass(frozen=True, slots=True)
class NoisySource:
    """The rows of one table, renamed, with the outcome of some retries turned round.

    A success that becomes a failure is good advice that the actor ignored; a failure that becomes
    a success is a lucky episode. Which ones is drawn once for each retry.
    """

    table: str
    experiments: Sequence[Experiment]
    protocol: Protocol

    def rows(self) -> Iterator[Found]:
        """Every row of the experiments, the same ones whenever they are read."""
        scope = Scope(experiments=[one.pk for one in self.experiments])
        for number, row in enumerate(READERS[self.table](scope), start=1):
            yield Found(TABLES[self.table], self.table, number, self._changed(row))

    def _changed(self, row: Row) -> Row:
        name = row["experiment"]
        changed = row | {"experiment": copy_name(name, self.protocol)}
        if self.table == "experiments":
            noise = f"{self.protocol.noise:.0%}"
            changed["notes"] = f"Simulated: {name}, {noise} of its retries turned round."
        if self.table == "episodes" and is_turned(row, self.protocol):
            changed |= _turned(bool(row["success"]))
        if self.table == "reflections":  # left out, they are rated by the copy's own retries
            changed |= dict.fromkeys(("automatic_rating", "human_rating", "effective_rating"))
        return changed


def is_turned(row: Row, protocol: Protocol) -> bool:
    """Whether the outcome of this trial is turned round in the copy."""
    if row["trial"] != RETRY:
        return False
    draw = random.Random(f"{protocol.seed}/{row['experiment']}/{row['task_id']}")
    return draw.random() < protocol.noise


def copy_name(name: str, protocol: Protocol) -> str:
    """What the copy of an experiment is called."""
    plain = name.removeprefix(protocol.title(""))
    return protocol.title(f"noisy {plain}")


def noisy_copies(collected: Sequence[Experiment], protocol: Protocol) -> list[Experiment]:
    """The copies, made where they are missing. Raises InvalidInput if one cannot be stored."""
    names = [copy_name(one.name, protocol) for one in collected]
    missing = [
        one
        for one, name in zip(collected, names, strict=True)
        if not Experiment.objects.filter(name=name).exists()
    ]
    if missing:
        _store([NoisySource(table, missing, protocol) for table in COPIED])
    return list(Experiment.objects.filter(name__in=names).order_by("pk"))


def _store(sources: list[NoisySource]) -> None:
    with tempfile.TemporaryDirectory() as folder, BadRows(Path(folder) / "bad.csv") as bad:
        terms = Terms(source="simulated noise")
        stored = take(sources, terms, bad, tell=lambda _: None, confirm=lambda _: True)
        if stored is None:
            raise InvalidInput(f"The noisy copies cannot be stored: {bad.first[:3]}")


def _turned(success: bool) -> Row:
    return {
        "success": not success,
        "episode_return": float(not success),
        "terminated": not success,
        "truncated": success,
        "truncation_reason": "step_cap" if success else "",
    }
