"""The numbers of a drawing as CSV: a row for each point of each drawn series."""

from collections.abc import Iterable, Sequence

from retro_core.metrics import Spread
from webapp.experiments.figures import Reference, Series

CSV_COLUMNS = [
    "series",
    "kind",
    "trial",
    "episodes",
    "n_tasks",
    "success",
    "success_low",
    "success_high",
    "success_deviation",
    "success_least",
    "success_most",
    "mean_return",
    "mean_return_low",
    "mean_return_high",
    "mean_return_deviation",
    "mean_return_least",
    "mean_return_most",
    "source",
]
DECIMALS = 6


def csv_rows(
    series: Iterable[Series], references: Iterable[Reference] = ()
) -> Iterable[list[object]]:
    """The drawn points, shares as fractions; references last, with whose they are."""
    for one in series:
        for place, point in enumerate(one.points):
            success, returns = point.success, point.episode_return
            yield [
                one.label,
                one.kind,
                point.trial,
                point.attempts,
                success.n,
                *_rounded(success.mean, success.low, success.high),
                *_spread(one.success_spreads, place),
                *_rounded(returns.mean, returns.low, returns.high),
                *_spread(one.return_spreads, place),
                "",
            ]
    for reference in references:
        for trial, percent in zip(reference.trials, reference.percent, strict=True):
            values = [round(percent / 100, DECIMALS), *[""] * 11]
            yield [reference.label, "reference", trial, "", "", *values, reference.source]


def _spread(spreads: Sequence[Spread], place: int) -> list[object]:
    if place >= len(spreads):
        return ["", "", ""]
    spread = spreads[place]
    return list(_rounded(spread.deviation, spread.least, spread.most))


def _rounded(*values: float) -> list[float]:
    return [round(value, DECIMALS) for value in values]
