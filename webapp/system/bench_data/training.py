"""Invented training runs: their points are made inside the database, twenty million at a time."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection

from webapp.system.bench_data.copying import Row
from webapp.training.services.points import draw_whole_runs

STAGES = ["sft", "reward_model", "ppo", "grpo"]
CURVES = [("train", "loss"), ("train", "kl"), ("train", "reward"), ("validation", "loss")]
POINTS = """
INSERT INTO training_metricpoint (run_id, split, name, step, value, seconds)
SELECT run, split, name, step,
  exp(-step / 1500.0) * 2 + 0.05 * (hashint8(step * 31 + run * 7 + %(seed)s) / 2147483648.0),
  step * 0.4
FROM generate_series(%(first)s::bigint, %(last)s::bigint) run,
  unnest(%(splits)s::text[], %(names)s::text[]) AS curve(split, name),
  generate_series(1, %(steps)s) step
"""
CONSTRAINT = "metric_point_once"


def run_rows(*, count: int, first_pk: int, snapshot_id: int, began: datetime) -> Iterator[Row]:
    """Stopped runs: a done one would need an adapter."""
    for number in range(count):
        yield {
            "id": first_pk + number,
            "name": f"bench run {first_pk + number}",
            "stage": STAGES[number % len(STAGES)],
            "preset": "embedded",
            "spec": json.dumps({}),
            "seed": number,
            "snapshot_id": snapshot_id,
            "adapter_family": "bench",
            "status": "stopped",
            "step": 5_000,
            "steps_total": 5_000,
            "created_at": began + timedelta(minutes=20 * number),
        }


def write_points(*, count: int, first_pk: int, points: int, seed: int) -> int:
    """So many points for each run, over a few curves. The unique index is built at the end."""
    splits, names = zip(*CURVES, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE training_metricpoint DROP CONSTRAINT {CONSTRAINT}")
        values: dict[str, int | list[str]] = {
            "first": first_pk,
            "last": first_pk + count - 1,
            "steps": points // len(CURVES),
            "splits": list(splits),
            "names": list(names),
            "seed": seed,
        }
        cursor.execute(POINTS, values)
        written = int(cursor.rowcount)
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute(
            f"ALTER TABLE training_metricpoint ADD CONSTRAINT {CONSTRAINT}"
            " UNIQUE (run_id, split, name, step)"
        )
    draw_whole_runs(list(range(first_pk, first_pk + count)))
    return written
