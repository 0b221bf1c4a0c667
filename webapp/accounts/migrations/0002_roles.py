from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from webapp.accounts import roles

VIEW = [
    "tasks.view_task",
    "tasks.view_taskset",
    "experiments.view_experiment",
    "episodes.view_episode",
    "episodes.view_step",
    "episodes.view_reflection",
]
RUN = [
    "tasks.add_task",
    "tasks.add_taskset",
    "tasks.change_taskset",
    "experiments.add_experiment",
    "experiments.change_experiment",
    "experiments.run_experiment",
    "episodes.add_episode",
]
ADMINISTER = [
    "tasks.delete_taskset",
    "experiments.delete_experiment",
    "episodes.delete_episode",
    "auth.view_user",
    "auth.add_user",
    "auth.change_user",
    "auth.delete_user",
]


def make_roles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    roles.grant(apps, roles.VIEWER, VIEW)
    roles.grant(apps, roles.RESEARCHER, RUN)
    roles.grant(apps, roles.ADMINISTRATOR, ADMINISTER)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("tasks", "0001_initial"),
        ("experiments", "0001_initial"),
        ("episodes", "0001_initial"),
    ]
    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
