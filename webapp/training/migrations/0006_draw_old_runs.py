from django.db import migrations

DRAW = """
INSERT INTO training_drawncurve (run_id, split, name, most, width, steps, "values", newest)
SELECT run_id, split, name, level, min(width), array_agg(step ORDER BY step),
  array_agg(value ORDER BY step), max(newest)
FROM (
  SELECT point.*, level, width, newest,
    lag(step) OVER steps AS before, lead(step) OVER steps AS after
  FROM training_metricpoint point
  JOIN (
    SELECT run_id, level, max(id) AS newest,
      power(2, greatest(ceil(log(2, max(step)::numeric / (level - 2) + 0.000001)), 0))::int
        AS width
    FROM training_metricpoint, unnest(ARRAY[600, 120]) AS level GROUP BY run_id, level
  ) AS run USING (run_id)
  WINDOW steps AS (PARTITION BY level, run_id, split, name ORDER BY step)
) AS every
WHERE before IS NULL OR before / width <> step / width OR after IS NULL
GROUP BY run_id, split, name, level
"""


class Migration(migrations.Migration):
    dependencies = [("training", "0005_drawn_curves")]
    operations = [migrations.RunSQL(DRAW, migrations.RunSQL.noop)]
