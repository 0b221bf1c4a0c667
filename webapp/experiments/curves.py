"""The learning curve of one experiment, from its recorded outcomes."""

from dataclasses import asdict, dataclass
from typing import Any

from retro_core.metrics import Interval, Outcome, learning_curve
from webapp.experiments.models import Experiment

PERCENT_DECIMALS = 2


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over `n` tasks with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class CurveTrial:
    """One point: success in any trial up to this one, and the mean of each task's newest return.

    `attempts` counts the episodes of exactly this trial: solved tasks are not tried again.
    """

    trial: int
    attempts: int
    success: Estimate
    episode_return: Estimate


def curve(experiment: Experiment) -> list[CurveTrial]:
    """The points up to the last trial played, over the tasks that were played."""
    return [
        CurveTrial(
            trial=point.trial,
            attempts=point.played,
            success=_estimate(point.success, point.tasks),
            episode_return=_estimate(point.mean_return, point.tasks),
        )
        for point in learning_curve(outcomes(experiment), seed=0)
    ]


def outcomes(experiment: Experiment) -> list[Outcome]:
    """What every recorded episode came to; a covering index answers alone."""
    rows = experiment.episodes.order_by("task_id", "trial").values_list(
        "task_id", "trial", "success", "episode_return"
    )
    return [
        Outcome(str(task_id), trial, success, episode_return)
        for task_id, trial, success, episode_return in rows
    ]


def curve_as_json(experiment: Experiment) -> dict[str, Any]:
    """The curve with what it is a curve of, as JSON values; success also in percent."""
    points = curve(experiment)
    return {
        "experiment": experiment.name,
        "environment": experiment.environment,
        "method": experiment.method,
        "tasks": points[0].success.n if points else 0,
        "success_percent": [round(100 * p.success.mean, PERCENT_DECIMALS) for p in points],
        "mean_return": [round(p.episode_return.mean, 4) for p in points],
        "points": [asdict(point) for point in points],
    }


def _estimate(interval: Interval, tasks: int) -> Estimate:
    return Estimate(interval.value, interval.low, interval.high, tasks)
