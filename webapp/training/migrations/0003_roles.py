from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from webapp.accounts import roles

VIEW = [
    "training.view_snapshot",
    "training.view_trainingrun",
    "training.view_pipeline",
    "adapters.view_adapter",
]
TRAIN = ["training.add_snapshot", "training.train", "adapters.promote_adapter"]


def make_roles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    roles.grant(apps, roles.VIEWER, VIEW)
    roles.grant(apps, roles.RESEARCHER, TRAIN)


class Migration(migrations.Migration):
    dependencies = [
        ("training", "0002_items_never_change"),
        ("adapters", "0001_initial"),
        ("accounts", "0002_roles"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
