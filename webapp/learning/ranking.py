"""How well the reward model's scores told good reflections on tasks that nothing learned from."""

from collections.abc import Iterator

import numpy as np

from retro_core.training.evaluation import Floats, auc_with_interval
from webapp.episodes.models import Reflection
from webapp.learning.corrected import RESAMPLES, Area, area_of
from webapp.learning.protocol import BEST_OF_N, PLAIN_BEST_OF_N
from webapp.learning.running import Measured


def lines(measured: Measured) -> Iterator[str]:
    """The areas of the scores and of the trial number, over the reflections that were chosen.

    Of every ranked set only the chosen reflection was played, so these are the high scores alone.
    The trial number may count in either direction, whichever is better for it.
    """
    rows = [row for row in _ranked(measured) if row.candidates]
    if not rows:
        yield "No ranked reflection was rated on the unseen tasks."
        return
    accepted = np.array([(row.automatic_rating or 0.0) > 0 for row in rows])
    tasks = [row.episode.task.key for row in rows]
    seed = measured.protocol.seed

    def area(scores: Floats) -> Area:
        return auc_with_interval(scores, accepted, tasks, resamples=RESAMPLES, seed=seed)

    trials = np.array([float(row.episode.trial) for row in rows])
    by_trial = max((area(trials), area(-trials)), key=lambda found: found["mean"] or 0.0)
    scores = np.array([max(one["score"] for one in row.candidates) for row in rows])
    yield "| reward model on unseen tasks | ROC-AUC | trial number alone |"
    yield "|---|---|---|"
    where = f"{len(rows)} chosen reflections of {len(set(tasks))} tasks, {accepted.sum()} accepted"
    yield f"| {where} | {area_of(area(scores))} | {area_of(by_trial)} |"


def _ranked(measured: Measured) -> list[Reflection]:
    arms = [measured.arms[name].pk for name in (BEST_OF_N, PLAIN_BEST_OF_N)]
    rated = Reflection.objects.filter(experiment__in=arms).exclude(automatic_rating=None)
    return list(rated.select_related("episode__task").order_by("pk"))
