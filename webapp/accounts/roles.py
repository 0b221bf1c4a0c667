"""Who may do what: each role is a group, and holds what the roles before it hold."""

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions

VIEWER, ANNOTATOR, RESEARCHER, ADMINISTRATOR = "viewer", "annotator", "researcher", "administrator"
ROLES = [VIEWER, ANNOTATOR, RESEARCHER, ADMINISTRATOR]


def grant(apps: Apps, role: str, permissions: list[str]) -> None:
    """Give permissions ("app.codename") to a role and the roles above it; for data migrations."""
    _make_permissions(apps, {name.split(".")[0] for name in permissions})
    group_model = apps.get_model("auth", "Group")
    permission_model = apps.get_model("auth", "Permission")
    for above in ROLES[ROLES.index(role) :]:
        group, _ = group_model.objects.get_or_create(name=above)
        for name in permissions:
            app, codename = name.split(".")
            group.permissions.add(
                permission_model.objects.get(content_type__app_label=app, codename=codename)
            )


def _make_permissions(apps: Apps, labels: set[str]) -> None:
    """Django makes permissions only after all migrations; a data migration needs them earlier."""
    for label in labels:
        config = apps.get_app_config(label)
        config.models_module = True  # type: ignore[assignment]  # or it is passed over
        create_permissions(config, apps=apps, verbosity=0)
        config.models_module = None
