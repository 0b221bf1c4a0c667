"""Words of steps, reflections and comments for full-text search, kept by the database itself.

The columns are the search's own: the models do not read them, so that lists stay narrow. Marks are
blanks before words are cut, or `search[red mug]` and `the shelf.You` would hide their words.
"""

import string

from django.db import migrations

MARKS = string.punctuation + "“”‘’…–—•·→"
LONGEST = 100_000  # characters of one text; what lies behind them is not found


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


FUNCTION = f"""
CREATE FUNCTION search_words(body text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT to_tsvector('pg_catalog.simple'::regconfig,
  translate(left(body, {LONGEST}), {quoted(MARKS)}, {quoted(" " * len(MARKS))}))
$$
"""
STEP_COLUMN = """
ALTER TABLE episodes_step ADD COLUMN search tsvector GENERATED ALWAYS AS (
  setweight(search_words(action), 'A') || setweight(search_words(thought), 'B')
  || setweight(search_words(observation), 'C')) STORED,
  ALTER COLUMN search SET STATISTICS 200
"""
REFLECTION_COLUMN = """
ALTER TABLE episodes_reflection
  ADD COLUMN search tsvector GENERATED ALWAYS AS (search_words(text)) STORED,
  ALTER COLUMN search SET STATISTICS 200
"""
PENDING = "WITH (gin_pending_list_limit = 1024)"


class Migration(migrations.Migration):
    dependencies = [("episodes", "0003_human_rating"), ("annotation", "0001_initial")]
    operations = [
        migrations.RunSQL(FUNCTION.replace("%", "%%"), "DROP FUNCTION search_words(text)"),
        migrations.RunSQL(STEP_COLUMN, "ALTER TABLE episodes_step DROP COLUMN search"),
        migrations.RunSQL(
            f"CREATE INDEX step_search ON episodes_step USING gin (search) {PENDING}",
            "DROP INDEX step_search",
        ),
        migrations.RunSQL(
            "CREATE INDEX step_action_search ON episodes_step"
            f" USING gin (search_words(action)) {PENDING}",
            "DROP INDEX step_action_search",
        ),
        migrations.RunSQL(REFLECTION_COLUMN, "ALTER TABLE episodes_reflection DROP COLUMN search"),
        migrations.RunSQL(
            f"CREATE INDEX reflection_search ON episodes_reflection USING gin (search) {PENDING}",
            "DROP INDEX reflection_search",
        ),
        migrations.RunSQL(
            "CREATE INDEX comment_search ON annotation_comment USING gin (search_words(text))",
            "DROP INDEX comment_search",
        ),
    ]
