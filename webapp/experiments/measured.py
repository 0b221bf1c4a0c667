"""The curve of an experiment, kept until another of its episodes is recorded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.core.cache import cache

from retro_core.metrics import (
    Outcome,
    Spread,
    column_spreads,
    return_by_trial,
    success_by_trial,
)
from webapp.experiments.curves import CurveTrial, curve_of, outcomes_of
from webapp.experiments.models import Experiment

KEPT_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Measured:
    """Points with their intervals; the spreads are over the tasks, a place for each point."""

    points: Sequence[CurveTrial] = ()
    success_spreads: Sequence[Spread] = ()
    return_spreads: Sequence[Spread] = ()


def measured(experiments: Iterable[Experiment]) -> dict[int, Measured]:
    """By experiment; episodes are read, in one query, only where some came since the last time."""
    keys = {_key(experiment): experiment.pk for experiment in experiments}
    found: dict[str, Measured] = cache.get_many(keys)
    missing = [pk for key, pk in keys.items() if key not in found]
    recorded = outcomes_of(missing) if missing else {}
    fresh = {key: _measure(recorded.get(pk, [])) for key, pk in keys.items() if key not in found}
    if fresh:
        cache.set_many(fresh, KEPT_SECONDS)
    return {keys[key]: one for key, one in (found | fresh).items()}


def _key(experiment: Experiment) -> str:
    """Episodes are never changed: their number says which there are."""
    made = int(experiment.created_at.timestamp() * 1_000_000)
    return f"curve-{experiment.pk}-{made}-{experiment.episodes_count}"


def _measure(recorded: Sequence[Outcome]) -> Measured:
    return Measured(
        points=curve_of(recorded),
        success_spreads=column_spreads(success_by_trial(recorded)),
        return_spreads=column_spreads(return_by_trial(recorded)),
    )
