from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from webapp.accounts import roles

VIEW = ["reports.view_report", "reports.view_review"]
WRITE = ["reports.add_report", "reports.change_report", "reports.add_review"]


def make_roles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    roles.grant(apps, roles.VIEWER, VIEW)
    roles.grant(apps, roles.RESEARCHER, WRITE)


class Migration(migrations.Migration):
    dependencies = [
        ("reports", "0001_reports"),
        ("accounts", "0002_roles"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
