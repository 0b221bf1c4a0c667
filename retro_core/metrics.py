"""Learning curves, intervals and tests over tasks. Numbers in, numbers out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retro_core.errors import InvalidInput

Floats = NDArray[np.float64]
ROWS_AT_A_TIME = 500  # of resamples


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a curve needs of one episode."""

    task_id: str
    trial: int
    success: bool
    episode_return: float


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its percentile bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One trial of a learning curve, over all tasks; `played` tasks were tried in it."""

    trial: int
    success: Interval
    mean_return: Interval
    tasks: int
    played: int


def success_by_trial(outcomes: Sequence[Outcome], trials: int = 0) -> Floats:
    """Solved in any trial up to t, as 0 or 1. Shape: (tasks, trials), tasks by id."""
    return _carried(outcomes, trials, lambda outcome: float(outcome.success), np.maximum)


def return_by_trial(outcomes: Sequence[Outcome], trials: int = 0) -> Floats:
    """Episode return of the latest trial up to t. Shape: (tasks, trials), tasks by id.

    A solved task is not tried again and keeps its return.
    """
    return _carried(outcomes, trials, lambda outcome: outcome.episode_return, lambda old, new: new)


def _carried(
    outcomes: Sequence[Outcome],
    trials: int,
    value: Callable[[Outcome], float],
    combine: Callable[[float, float], float],
) -> Floats:
    trials = trials or max((outcome.trial for outcome in outcomes), default=0)
    rows: dict[str, list[float | None]] = {
        task_id: [None] * trials for task_id in sorted({one.task_id for one in outcomes})
    }
    for outcome in outcomes:
        if outcome.trial <= trials:
            rows[outcome.task_id][outcome.trial - 1] = value(outcome)
    table = np.zeros((len(rows), trials))
    for row, values in enumerate(rows.values()):
        latest = 0.0
        for column, played in enumerate(values):
            latest = latest if played is None else float(combine(latest, played))
            table[row, column] = latest
    return table


def learning_curve(
    outcomes: Sequence[Outcome], *, trials: int = 0, resamples: int = 2000, seed: int = 0
) -> list[CurvePoint]:
    """Success by trial and mean return with 95 % intervals over tasks."""
    success, returns = success_by_trial(outcomes, trials), return_by_trial(outcomes, trials)
    if not success.size:
        return []
    ends = bootstrap_means(np.hstack([success, returns]), resamples=resamples, seed=seed)
    success_ends, return_ends = ends[: success.shape[1]], ends[success.shape[1] :]
    played = [sum(one.trial == t + 1 for one in outcomes) for t in range(success.shape[1])]
    return [
        CurvePoint(trial + 1, success_ends[trial], return_ends[trial], len(success), played[trial])
        for trial in range(success.shape[1])
    ]


def bootstrap_means(
    table: Floats, *, resamples: int = 2000, seed: int = 0, level: float = 0.95
) -> list[Interval]:
    """Mean of every column with its percentile bootstrap interval over the rows.

    Shape: table (tasks, columns). Whole rows are drawn, so that columns keep their dependence.
    """
    if not len(table):
        raise InvalidInput("An interval needs at least one task.")
    draws = _draws(len(table), resamples, seed)
    means = np.concatenate([draws[rows] @ table for rows in _blocks(resamples)]) / len(table)
    tail = 50 * (1 - level)
    low, high = np.percentile(means, [tail, 100 - tail], axis=0)
    return [
        Interval(float(value), float(least), float(most))
        for value, least, most in zip(table.mean(axis=0), low, high, strict=True)
    ]


@lru_cache(maxsize=4)
def _draws(tasks: int, resamples: int, seed: int) -> NDArray[np.unsignedinteger[Any]]:
    """How often each task is drawn: most of what an interval costs. Shape: (resamples, tasks)."""
    shares, random = np.full(tasks, 1 / tasks), np.random.default_rng(seed)
    found = [
        _narrow(random.multinomial(tasks, shares, size=rows.stop - rows.start))
        for rows in _blocks(resamples)
    ]
    return np.concatenate(found)


def _narrow(counts: NDArray[Any]) -> NDArray[np.unsignedinteger[Any]]:
    return counts.astype(np.min_scalar_type(int(counts.max())))


def _blocks(resamples: int) -> list[slice]:
    """Some rows at a time: whole tables of ten thousand rows and as many tasks take gigabytes."""
    return [
        slice(first, min(first + ROWS_AT_A_TIME, resamples))
        for first in range(0, resamples, ROWS_AT_A_TIME)
    ]


@dataclass(frozen=True, slots=True)
class Spread:
    """How far the rows of a table lie apart in one column; `deviation` is the sample's."""

    deviation: float
    least: float
    most: float


def column_spreads(table: Floats) -> list[Spread]:
    """Standard deviation, least and most of every column. Shape: table (rows, columns)."""
    if not table.size:
        return []
    deviations = table.std(axis=0, ddof=1) if len(table) > 1 else np.zeros(table.shape[1])
    ends = zip(deviations, table.min(axis=0), table.max(axis=0), strict=True)
    return [Spread(float(one), float(least), float(most)) for one, least, most in ends]


def area_under_curve(values: Sequence[float]) -> float:
    """Mean of the curve over its trials: 1.0 if every task is solved at once, 0.0 if none is."""
    if not values:
        raise InvalidInput("A curve needs at least one trial.")
    return float(np.mean(values))


@dataclass(frozen=True, slots=True)
class McNemar:
    """Tasks that only one of two experiments solved, and the exact two-sided p-value."""

    only_first: int
    only_second: int
    p_value: float


def mcnemar(first: Mapping[str, bool], second: Mapping[str, bool]) -> McNemar:
    """Exact McNemar test over the tasks that both experiments hold, by task id."""
    shared = first.keys() & second.keys()
    only_first = sum(first[task] and not second[task] for task in shared)
    only_second = sum(second[task] and not first[task] for task in shared)
    return McNemar(only_first, only_second, mcnemar_of_counts(only_first, only_second))


def mcnemar_of_counts(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value from the tasks that only one of the two solved."""
    discordant = only_first + only_second
    tail = sum(comb(discordant, k) for k in range(min(only_first, only_second) + 1))
    return float(min(1.0, 2 * tail / 2**discordant))


def cohens_g(only_first: int, only_second: int) -> float | None:
    """Effect size of McNemar's test: how far the share that favours the second is from one half.

    None where no task tells the two apart.
    """
    discordant = only_first + only_second
    return only_second / discordant - 0.5 if discordant else None


def flip_difference(
    only_first: int, only_second: int, tasks: int, *, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Share solved by the second minus that of the first, from counts of tasks alone.

    The paired bootstrap over tasks: a draw of tasks is a multinomial draw of the three kinds.
    """
    if not tasks:
        raise InvalidInput("A comparison needs at least one shared task.")
    kinds = np.array([only_first, only_second, tasks - only_first - only_second])
    draws = np.random.default_rng(seed).multinomial(tasks, kinds / tasks, size=resamples)
    low, high = np.percentile((draws[:, 1] - draws[:, 0]) / tasks, [2.5, 97.5])
    return Interval((only_second - only_first) / tasks, float(low), float(high))


def standardised_difference(
    first: Mapping[str, float], second: Mapping[str, float]
) -> float | None:
    """Cohen's d for pairs: mean difference over its standard deviation; None if that is 0."""
    shared = sorted(first.keys() & second.keys())
    differences = np.array([second[task] - first[task] for task in shared], dtype=np.float64)
    if len(differences) < 2 or not differences.std(ddof=1):
        return None
    return float(differences.mean() / differences.std(ddof=1))


def paired_difference(
    first: Mapping[str, float],
    second: Mapping[str, float],
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Mean of second minus first over shared tasks, with its 95 % bootstrap interval."""
    shared = sorted(first.keys() & second.keys())
    differences = np.array([[second[task] - first[task]] for task in shared], dtype=np.float64)
    return bootstrap_means(differences.reshape(-1, 1), resamples=resamples, seed=seed)[0]


def paired_p_value(
    first: Mapping[str, float],
    second: Mapping[str, float],
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> float:
    """Two-sided paired bootstrap p-value of no difference, by shifting differences to mean 0.

    One is added to both counts, so that it is never 0.
    """
    shared = sorted(first.keys() & second.keys())
    differences = np.array([second[task] - first[task] for task in shared], dtype=np.float64)
    if not len(differences):
        raise InvalidInput("A comparison needs at least one shared task.")
    centred = differences - differences.mean()
    random = np.random.default_rng(seed)
    drawn = (
        random.integers(len(centred), size=(rows.stop - rows.start, len(centred)))
        for rows in _blocks(resamples)
    )
    means = np.concatenate([centred[draws].mean(axis=1) for draws in drawn])
    extreme = int(np.sum(np.abs(means) >= abs(differences.mean()) - 1e-12))
    return (extreme + 1) / (resamples + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def repeat_share(
    reflections: Sequence[Sequence[str]], overlap: Callable[[str, str], float], share: float
) -> float:
    """Share of consecutive reflections of a task that repeat the one before; 0.0 without pairs.

    `reflections` holds each task's texts in order; `overlap` is how alike two texts are, 0..1.
    """
    pairs = [pair for texts in reflections for pair in pairwise(texts)]
    if not pairs:
        return 0.0
    return sum(overlap(earlier, later) >= share for earlier, later in pairs) / len(pairs)
