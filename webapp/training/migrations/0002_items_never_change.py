from django.db import migrations

REFUSE = """
CREATE FUNCTION training_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'items of a snapshot are frozen: take another snapshot';
END $$;
CREATE TRIGGER frozen BEFORE UPDATE ON training_snapshotitem
FOR EACH ROW EXECUTE FUNCTION training_refuse_change();
"""
ALLOW = """
DROP TRIGGER frozen ON training_snapshotitem;
DROP FUNCTION training_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("training", "0001_initial")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
