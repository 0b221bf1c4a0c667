from django.db import migrations

# One statement a level: the rows of a level come sorted from the index, those of two would be
# sorted anew.
DRAW = """
INSERT INTO training_drawncurve (run_id, split, name, most, width, steps, "values", newest)
SELECT run_id, split, name, {most}, min(width), array_agg(step ORDER BY step),
  array_agg(value ORDER BY step), max(newest)
FROM (
  SELECT point.*, width, newest,
    lag(step) OVER steps AS before, lead(step) OVER steps AS after
  FROM training_metricpoint point
  JOIN (
    SELECT run_id, max(id) AS newest,
      power(2, greatest(ceil(log(2, max(step)::numeric / ({most} - 2) + 0.000001)), 0))::int
        AS width
    FROM training_metricpoint GROUP BY run_id
  ) AS run USING (run_id)
  WINDOW steps AS (PARTITION BY run_id, split, name ORDER BY step)
) AS every
WHERE before IS NULL OR before / width <> step / width OR after IS NULL
GROUP BY run_id, split, name
"""


class Migration(migrations.Migration):
    dependencies = [("training", "0005_drawn_curves")]
    operations = [
        migrations.RunSQL(DRAW.format(most=most), migrations.RunSQL.noop) for most in (600, 120)
    ]
