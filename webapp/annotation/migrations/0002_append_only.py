from django.db import migrations

TABLES = ["annotation_response", "annotation_adjudication", "annotation_ratingevent"]
REFUSE = """
CREATE FUNCTION annotation_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are events: they are added and never changed', TG_TABLE_NAME;
END $$;
"""
WATCH = """
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION annotation_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("annotation", "0001_initial")]
    operations = [
        migrations.RunSQL(REFUSE, "DROP FUNCTION annotation_refuse_change()"),
        *(
            migrations.RunSQL(
                WATCH.format(table=table), f"DROP TRIGGER only_added ON {table}"
            )
            for table in TABLES
        ),
    ]
