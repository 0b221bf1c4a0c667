"""How far the experiments of a list page are from the person's baseline, by one query."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from retro_core.metrics import Interval, flip_difference, mcnemar_of_counts

RESAMPLES = 1000
# Both sides count what was solved within the trials that both experiments have.
COUNTS = """
SELECT one.experiment_id,
       count(*),
       count(*) FILTER (WHERE base.won AND NOT one.won),
       count(*) FILTER (WHERE one.won AND NOT base.won)
FROM (
    SELECT row.experiment_id, row.task_id, least(its.trials, %(trials)s) AS trials,
           coalesce(row.solved_at_trial <= least(its.trials, %(trials)s), false) AS won
    FROM experiments_experimenttask row
    JOIN experiments_experiment its ON its.id = row.experiment_id
    WHERE row.experiment_id = ANY(%(ids)s) AND row.trials_done > 0
) one
JOIN LATERAL (
    SELECT coalesce(row.solved_at_trial <= one.trials, false) AS won
    FROM experiments_experimenttask row
    WHERE row.experiment_id = %(baseline)s AND row.task_id = one.task_id AND row.trials_done > 0
) base ON true
GROUP BY one.experiment_id
"""


@dataclass(frozen=True, slots=True)
class Delta:
    """Success minus the baseline's over the shared tasks, and McNemar's exact p value."""

    tasks: int
    success: Interval
    p_value: float


def deltas(baseline_id: int, baseline_trials: int, ids: Sequence[int]) -> dict[int, Delta]:
    """By experiment; one without a shared task is left out."""
    wanted = [pk for pk in ids if pk != baseline_id]
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, {"trials": baseline_trials, "ids": wanted, "baseline": baseline_id})
        counts = cursor.fetchall()
    return {pk: _delta(tasks, broke, fixed) for pk, tasks, broke, fixed in counts}


def _delta(tasks: int, broke: int, fixed: int) -> Delta:
    success = flip_difference(broke, fixed, tasks, resamples=RESAMPLES)
    return Delta(tasks, success, mcnemar_of_counts(broke, fixed))
