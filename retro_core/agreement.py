"""How far people agree: Krippendorff's alpha with a bootstrap interval, and Cohen's kappa.

A unit is what was valued (a reflection); its values come from different people, in any order,
and some people may be missing.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

Level = Literal["nominal", "ordinal", "interval"]
Unit = tuple[float, ...]
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval")


@dataclass(frozen=True, slots=True)
class Alpha:
    """Krippendorff's alpha with its bootstrap interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None
    units: int
    values: int


def krippendorff_alpha(units: Iterable[Sequence[float]], level: Level) -> float | None:
    """1 - observed / expected disagreement; units with a single value say nothing.

    None if no unit has two values, or if all values are equal, so that nothing could disagree.
    """
    return _alpha(_patterns(units), level)


def alpha_with_interval(
    units: Iterable[Sequence[float]],
    level: Level,
    *,
    resamples: int = 300,
    confidence: float = 0.95,
    seed: int = 0,
) -> Alpha:
    """Alpha, and the percentile interval over `resamples` draws of whole units."""
    patterns = _patterns(units)
    count = sum(patterns.values())
    drawn = sorted(_bootstrap(patterns, level, resamples, random.Random(seed)))
    low, high = _percentiles(drawn, confidence)
    values = sum(len(unit) * times for unit, times in patterns.items())
    return Alpha(_alpha(patterns, level), low, high, count, values)


def cohen_kappa(pairs: Iterable[tuple[float, float]]) -> float | None:
    """Agreement of two people beyond chance over the units that both valued; None if undefined."""
    seen = Counter(pairs)
    total = seen.total()
    if not total:
        return None
    first, second = Counter[float](), Counter[float]()
    for (one, other), times in seen.items():
        first[one] += times
        second[other] += times
    observed = sum(times for (one, other), times in seen.items() if one == other) / total
    expected = sum(first[value] * second[value] for value in first) / total**2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def _patterns(units: Iterable[Sequence[float]]) -> Counter[Unit]:
    """Units that hold the same values are counted together: there are few different ones."""
    return Counter(tuple(sorted(unit)) for unit in units if len(unit) > 1)


def _alpha(patterns: Mapping[Unit, int], level: Level) -> float | None:
    totals: Counter[float] = Counter()
    for unit, times in patterns.items():
        for value in unit:
            totals[value] += times
    if len(totals) < 2:  # nothing can differ; the sums below would be noise of the floats
        return None
    n = totals.total()
    distance = _spread_by_level(totals, level)
    expected = distance(totals) / (n - 1)
    observed = sum(
        times * distance(Counter(unit)) / (len(unit) - 1) for unit, times in patterns.items()
    )
    return 1 - observed / expected


def _spread_by_level(
    totals: Counter[float], level: Level
) -> Callable[[Mapping[float, int]], float]:
    """The sum of squared distances over ordered pairs of a collection of values.

    The ordinal distance of two values is the distance of their middle ranks.
    """
    if level == "nominal":
        return lambda counts: sum(counts.values()) ** 2 - sum(c * c for c in counts.values())
    places = {value: value for value in totals}
    if level == "ordinal":
        in_order = sorted(totals)
        ends = accumulate(totals[value] for value in in_order)
        places = {v: end - totals[v] / 2 for v, end in zip(in_order, ends, strict=True)}
    return lambda counts: _squares(counts, places)


def _squares(counts: Mapping[float, int], places: Mapping[float, float]) -> float:
    n = sum(counts.values())
    middle = sum(places[value] * times for value, times in counts.items()) / n
    return 2 * n * sum(times * (places[v] - middle) ** 2 for v, times in counts.items())


def _bootstrap(
    patterns: Counter[Unit], level: Level, resamples: int, rng: random.Random
) -> Iterable[float]:
    kinds, weights = list(patterns), list(patterns.values())
    size = sum(weights)
    for _ in range(resamples if size > 1 else 0):
        value = _alpha(Counter(rng.choices(kinds, weights, k=size)), level)
        if value is not None:
            yield value


def _percentiles(drawn: Sequence[float], confidence: float) -> tuple[float | None, float | None]:
    if len(drawn) < 2:
        return None, None
    tail = (1 - confidence) / 2
    last = len(drawn) - 1
    return drawn[round(tail * last)], drawn[round((1 - tail) * last)]
