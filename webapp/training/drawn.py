"""Curves as charts show them: the kept points, and those that came since."""

from collections.abc import Sequence

from django.db import connection

from webapp.training.models import DrawnCurve

Curve = tuple[int, str, str]  # run, split, name
Steps = dict[int, float]
# OFFSET 0 keeps the points of each run a query of their own: joined at once, the database takes a
# third of all points for newer, and reads the whole table.
SINCE = """
SELECT known.run, since.*
FROM unnest(%(runs)s::bigint[], %(newest)s::bigint[]) AS known(run, newest)
CROSS JOIN LATERAL (
  SELECT split, name, step, value FROM training_metricpoint
  WHERE run_id = known.run AND id > known.newest OFFSET 0
) AS since
ORDER BY since.step
"""


def drawn_curves(
    run_ids: Sequence[int], most: int, only: tuple[str, str] | None = None
) -> dict[Curve, Steps]:
    """The curves of these runs, or the one of this split and name, in about `most` points each."""
    found: dict[Curve, Steps] = {}
    newest = dict.fromkeys(run_ids, 0)
    rows = DrawnCurve.objects.filter(run__in=run_ids, most=most)
    if only:
        rows = rows.filter(split=only[0], name=only[1])
    columns = ("run", "split", "name", "newest", "steps", "values")
    for run, split, name, last, steps, values in rows.values_list(*columns):
        found[run, split, name] = dict(zip(steps, values, strict=True))
        newest[run] = max(newest[run], last)
    for run, split, name, step, value in _since(newest):
        if only in (None, (split, name)):
            found.setdefault((run, split, name), {})[step] = value
    return found


def curve_names(run_id: int) -> list[tuple[str, str]]:
    """Split and name of every curve of a run."""
    return sorted((split, name) for _, split, name in drawn_curves([run_id], DrawnCurve.COARSE))


def _since(newest: dict[int, int]) -> list[tuple[int, str, str, int, float]]:
    """The points of each run behind a row id, by step."""
    with connection.cursor() as cursor:
        cursor.execute(SINCE, {"runs": list(newest), "newest": list(newest.values())})
        return list(cursor.fetchall())
