"""The learning curve of one experiment, from its recorded outcomes."""

from dataclasses import asdict
from typing import Any

from retro_core.metrics import CurvePoint, Outcome, learning_curve
from webapp.experiments.models import Experiment

PERCENT_DECIMALS = 2


def outcomes(experiment: Experiment) -> list[Outcome]:
    """What every recorded episode came to; a covering index answers alone."""
    rows = experiment.episodes.order_by("task_id", "trial").values_list(
        "task_id", "trial", "success", "episode_return"
    )
    return [
        Outcome(str(task_id), trial, success, episode_return)
        for task_id, trial, success, episode_return in rows
    ]


def curve(experiment: Experiment) -> list[CurvePoint]:
    """Success by trial and mean return with intervals, over the tasks that were played."""
    return learning_curve(outcomes(experiment), seed=0)


def curve_as_json(experiment: Experiment) -> dict[str, Any]:
    """The curve with what it is a curve of, as JSON values; success also in percent."""
    points = curve(experiment)
    return {
        "experiment": experiment.name,
        "environment": experiment.environment,
        "method": experiment.method,
        "tasks": points[0].tasks if points else 0,
        "success_percent": [round(100 * p.success.value, PERCENT_DECIMALS) for p in points],
        "mean_return": [round(p.mean_return.value, 4) for p in points],
        "points": [asdict(point) for point in points],
    }
