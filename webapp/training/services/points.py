"""Figures of training runs on their way into the database, and into what charts show."""

from collections.abc import Iterable

from django.db import connection

from webapp.training.models import DrawnCurve, MetricPoint

BATCH = 1000
LEVELS = (DrawnCurve.FINE, DrawnCurve.COARSE)
DRAW_RUNS = """
INSERT INTO training_drawncurve (run_id, split, name, most, width, steps, "values", newest)
SELECT run_id, split, name, %(most)s, min(width), array_agg(step ORDER BY step),
  array_agg(value ORDER BY step), max(newest)
FROM (
  SELECT point.*, width, newest,
    lag(step) OVER steps AS before, lead(step) OVER steps AS after
  FROM training_metricpoint point
  JOIN (
    SELECT run_id, max(id) AS newest,
      power(2, greatest(ceil(log(2, max(step)::numeric / (%(most)s - 2) + 0.000001)), 0))::int
        AS width
    FROM training_metricpoint WHERE run_id = ANY(%(runs)s) GROUP BY run_id
  ) AS run USING (run_id)
  WINDOW steps AS (PARTITION BY run_id, split, name ORDER BY step)
) AS every
WHERE before IS NULL OR before / width <> step / width OR after IS NULL
GROUP BY run_id, split, name
"""


def record_points(points: list[MetricPoint]) -> None:
    """A later line replaces an earlier one of the same step, split and name."""
    MetricPoint.objects.bulk_create(
        points,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["run", "split", "name", "step"],
        update_fields=["value", "seconds"],
    )


def draw_points(run_id: int, points: Iterable[MetricPoint]) -> None:
    """Take recorded points of a run into its drawn curves."""
    ordered = sorted(points, key=lambda point: point.step)
    rows = DrawnCurve.objects.filter(run=run_id)
    known = {(row.most, row.split, row.name): row for row in rows}
    for point in ordered:
        for most in LEVELS:
            key = (most, point.split, point.name)
            if key not in known:
                known[key] = DrawnCurve(
                    run_id=run_id, most=most, split=point.split, name=point.name
                )
            known[key].add(point.step, point.value)
    newest = max((point.pk for point in ordered), default=0)
    for row in known.values():
        row.newest = max(row.newest, newest)
    DrawnCurve.objects.bulk_create(
        known.values(),
        update_conflicts=True,
        unique_fields=["run", "most", "split", "name"],
        update_fields=["width", "steps", "values", "newest"],
    )


def draw_whole_runs(run_ids: list[int]) -> None:
    """Draw runs whose points were written past `record_points`."""
    DrawnCurve.objects.filter(run__in=run_ids).delete()
    with connection.cursor() as cursor:
        for most in LEVELS:
            cursor.execute(DRAW_RUNS, {"most": most, "runs": run_ids})
