"""Learning curves from recorded outcomes, of one experiment or of several at once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from retro_core.metrics import Interval, Outcome, area_under_curve, learning_curve
from webapp.episodes.models import Episode
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
    return curve_of(outcomes(experiment))


def curve_of(recorded: Sequence[Outcome]) -> list[CurveTrial]:
    """The points of outcomes that were read already."""
    return [
        CurveTrial(
            trial=point.trial,
            attempts=point.played,
            success=_estimate(point.success, point.tasks),
            episode_return=_estimate(point.mean_return, point.tasks),
        )
        for point in learning_curve(recorded, seed=0)
    ]


def outcomes(experiment: Experiment) -> list[Outcome]:
    """What every recorded episode of an experiment came to."""
    return outcomes_of([experiment.pk]).get(experiment.pk, [])


def outcomes_of(experiment_ids: Iterable[int]) -> dict[int, list[Outcome]]:
    """What every recorded episode came to, by experiment; a covering index answers alone."""
    rows = (
        Episode.objects.filter(experiment__in=list(experiment_ids))
        .order_by("experiment_id", "task_id", "trial")
        .values_list("experiment_id", "task_id", "trial", "success", "episode_return")
    )
    found: dict[int, list[Outcome]] = defaultdict(list)
    for experiment_id, task_id, trial, success, episode_return in rows:
        found[experiment_id].append(Outcome(str(task_id), trial, success, episode_return))
    return dict(found)


def areas(points: Sequence[CurveTrial], trials: int) -> tuple[float, float] | None:
    """Area under success and under mean return: their means over so many trials.

    A curve ends where nobody needed another trial: its last values hold for those left, or who
    solves all tasks sooner would have the smaller area.
    """
    if not points:
        return None
    whole = [*points[:trials], *[points[-1]] * (trials - len(points))]
    success = area_under_curve([point.success.mean for point in whole])
    return success, area_under_curve([point.episode_return.mean for point in whole])


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


def solved_by(recorded: Iterable[Outcome], trial: int) -> dict[str, bool]:
    """Whether each task was solved in any trial up to this one."""
    solved: dict[str, bool] = {}
    for one in recorded:
        if one.trial <= trial:
            solved[one.task_id] = solved.get(one.task_id, False) or one.success
    return solved


def returns_by(recorded: Iterable[Outcome], trial: int) -> Mapping[str, float]:
    """Return of each task's latest trial up to this one."""
    in_order = sorted(recorded, key=lambda one: one.trial)
    return {one.task_id: one.episode_return for one in in_order if one.trial <= trial}


def _estimate(interval: Interval, tasks: int) -> Estimate:
    return Estimate(interval.value, interval.low, interval.high, tasks)
