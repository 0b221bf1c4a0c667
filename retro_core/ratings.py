"""From episode returns to ratings, and from human responses to the effective rating."""

from collections.abc import Sequence
from statistics import mean

RATING_DECIMALS = 9  # adding floats leaves noise that must not count as a gain
CONFIDENCE_WEIGHTS = {1: 1.0, 2: 2.0, 3: 3.0}  # low, medium, high; unsaid counts as medium


def rating(earlier_return: float, later_return: float) -> float:
    """G(i+1) - G(i), r in the paper: what the reflection between two trials of a task was worth."""
    return round(later_return - earlier_return, RATING_DECIMALS)


def agreed_value(
    values: Sequence[float],
    *,
    least_responses: int = 1,
    tolerance: float = 0.0,
    weights: Sequence[float] | None = None,
) -> float | None:
    """The mean of human values that lie within `tolerance` of each other, else None.

    With `weights`, one a value, the weighted mean.
    """
    if len(values) < max(least_responses, 1):
        return None
    if round(max(values) - min(values), RATING_DECIMALS) > tolerance:
        return None
    if weights is None:
        return mean(values)
    weighted = sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)
    return round(weighted, RATING_DECIMALS)


def confidence_weight(confidence: int | None) -> float:
    """How much a value of this confidence counts where the rule weighs it."""
    return CONFIDENCE_WEIGHTS[confidence or 2]


def effective_rating(
    automatic: float | None,
    responses: Sequence[float] = (),
    adjudicated: float | None = None,
    *,
    least_responses: int = 1,
    tolerance: float = 0.0,
) -> float | None:
    """The adjudicated value, else the agreed human value, else the automatic rating."""
    if adjudicated is not None:
        return adjudicated
    agreed = agreed_value(responses, least_responses=least_responses, tolerance=tolerance)
    return automatic if agreed is None else agreed
