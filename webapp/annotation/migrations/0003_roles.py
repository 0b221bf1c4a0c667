from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from webapp.accounts import roles

VIEW = ["annotation.view_queue", "annotation.view_guidelines"]
ANNOTATE = ["annotation.add_response", "annotation.add_comment"]
LEAD = [
    "annotation.add_queue",
    "annotation.change_queue",
    "annotation.view_response",
    "annotation.add_batch",
    "annotation.add_adjudication",
]
ADMINISTER = ["annotation.delete_queue", "annotation.audit_ratings"]


def make_roles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    roles.grant(apps, roles.VIEWER, VIEW)
    roles.grant(apps, roles.ANNOTATOR, ANNOTATE)
    roles.grant(apps, roles.RESEARCHER, LEAD)
    roles.grant(apps, roles.ADMINISTRATOR, ADMINISTER)


class Migration(migrations.Migration):
    dependencies = [
        ("annotation", "0002_append_only"),
        ("accounts", "0002_roles"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
