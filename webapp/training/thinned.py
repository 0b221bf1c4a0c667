"""Curves with at most so many points each, read by index however long a run was."""

from collections.abc import Sequence

from django.db import connection
from django.db.models import Count

from webapp.training.models import MetricPoint

Curve = tuple[int, str, str]  # run, split, name
Steps = list[tuple[int, float]]
READ_WHOLE = 6_000  # points that are read without thinning
# For each target step the first point at or behind it: one look into the index each.
THINNED = """
SELECT DISTINCT c.run, c.split, c.name, p.step, p.value
FROM unnest(%(runs)s::bigint[], %(splits)s::text[], %(names)s::text[]) AS c(run, split, name)
CROSS JOIN LATERAL (
  SELECT min(step) AS first, max(step) AS last FROM training_metricpoint
  WHERE run_id = c.run AND split = c.split AND name = c.name) AS ends
CROSS JOIN generate_series(0, %(most)s - 1) AS k
CROSS JOIN LATERAL (
  SELECT step, value FROM training_metricpoint
  WHERE run_id = c.run AND split = c.split AND name = c.name
    AND step >= ends.first + (ends.last - ends.first)::bigint * k / (%(most)s - 1)
  ORDER BY step LIMIT 1) AS p
ORDER BY c.run, c.split, c.name, p.step
"""


def counted_curves(run_ids: Sequence[int]) -> dict[Curve, int]:
    """What was told of these runs, and in how many points."""
    rows = (
        MetricPoint.objects.filter(run__in=run_ids)
        .order_by()
        .values_list("run", "split", "name")
        .annotate(number=Count("pk"))
    )
    return {(run, split, name): number for run, split, name, number in rows}


def whole_or_thinned(run_ids: Sequence[int], most: int) -> dict[Curve, Steps]:
    """Every point of short runs; else at most `most` of each curve, both ends among them."""
    counts = counted_curves(run_ids)
    if sum(counts.values()) > READ_WHOLE:
        return thinned(list(counts), most)
    found: dict[Curve, Steps] = {curve: [] for curve in counts}
    rows = MetricPoint.objects.filter(run__in=run_ids).order_by("step", "pk")
    for run, split, name, step, value in rows.values_list("run", "split", "name", "step", "value"):
        found[run, split, name].append((step, value))
    return found


def thinned(curves: Sequence[Curve], most: int) -> dict[Curve, Steps]:
    """At most `most` points of each curve, evenly over its steps."""
    found: dict[Curve, Steps] = {curve: [] for curve in curves}
    runs, splits, names = ([curve[place] for curve in curves] for place in range(3))
    with connection.cursor() as cursor:
        cursor.execute(THINNED, {"runs": runs, "splits": splits, "names": names, "most": most})
        for run, split, name, step, value in cursor.fetchall():
            found[run, split, name].append((step, value))
    return found
