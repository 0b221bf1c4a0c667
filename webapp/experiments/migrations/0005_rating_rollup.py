"""Ratings are counted for each experiment by triggers, whoever writes them and however many."""

from django.db import migrations

COUNTS = """
    sum(sign * (effective_rating IS NOT NULL)::int) AS rated,
    sum(sign * coalesce(effective_rating, 0)) AS rating_sum,
    sum(sign * coalesce(effective_rating > 0, false)::int) AS positive,
    sum(sign * (human_rating IS NOT NULL AND human_rating IS DISTINCT FROM automatic_rating)::int)
        AS corrected
"""
COLUMNS = "experiment_id, effective_rating, human_rating, automatic_rating"


def function(name: str, rows: str) -> str:
    """A trigger function that adds up what a statement changed; unchanged counts write nothing."""
    return f"""
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO experiments_ratingrollup AS rollup
        (experiment_id, rated, rating_sum, positive, corrected)
    SELECT change.* FROM (
        SELECT experiment_id, {COUNTS} FROM ({rows}) AS row GROUP BY experiment_id
    ) AS change
    JOIN experiments_experiment ON experiments_experiment.id = change.experiment_id
    WHERE (rated, positive, corrected) <> (0, 0, 0) OR rating_sum <> 0
    ORDER BY experiment_id
    ON CONFLICT (experiment_id) DO UPDATE SET
        rated = rollup.rated + excluded.rated,
        rating_sum = rollup.rating_sum + excluded.rating_sum,
        positive = rollup.positive + excluded.positive,
        corrected = rollup.corrected + excluded.corrected;
    RETURN NULL;
END
$body$;
"""


ADDED = f"SELECT 1 AS sign, {COLUMNS} FROM added"
REMOVED = f"SELECT -1 AS sign, {COLUMNS} FROM removed"
TRIGGERS = """
CREATE TRIGGER count_added_ratings AFTER INSERT ON episodes_reflection
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_added_ratings();
CREATE TRIGGER count_changed_ratings AFTER UPDATE ON episodes_reflection
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION count_changed_ratings();
"""
REMOVAL = """
CREATE FUNCTION count_removed_ratings() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE experiments_ratingrollup AS rollup SET
        rated = rollup.rated + change.rated,
        rating_sum = rollup.rating_sum + change.rating_sum,
        positive = rollup.positive + change.positive,
        corrected = rollup.corrected + change.corrected
    FROM (SELECT experiment_id, %s FROM (%s) AS row GROUP BY experiment_id) AS change
    WHERE rollup.experiment_id = change.experiment_id;
    RETURN NULL;
END
$body$;
CREATE TRIGGER count_removed_ratings AFTER DELETE ON episodes_reflection
    REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION count_removed_ratings();
""" % (COUNTS, REMOVED)
PRESENT = f"""
INSERT INTO experiments_ratingrollup (experiment_id, rated, rating_sum, positive, corrected)
SELECT experiment_id, {COUNTS}
FROM (SELECT 1 AS sign, {COLUMNS} FROM episodes_reflection) AS row GROUP BY experiment_id;
"""
UNDO = """
DROP TRIGGER count_added_ratings ON episodes_reflection;
DROP TRIGGER count_changed_ratings ON episodes_reflection;
DROP TRIGGER count_removed_ratings ON episodes_reflection;
DROP FUNCTION count_added_ratings();
DROP FUNCTION count_changed_ratings();
DROP FUNCTION count_removed_ratings();
DELETE FROM experiments_ratingrollup;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("experiments", "0004_lists"),
        ("episodes", "0003_human_rating"),
    ]

    operations = [
        migrations.RunSQL(
            [
                function("count_added_ratings", ADDED),
                function("count_changed_ratings", f"{ADDED} UNION ALL {REMOVED}"),
                TRIGGERS,
                REMOVAL,
                PRESENT,
            ],
            UNDO,
        )
    ]
