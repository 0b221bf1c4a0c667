"""Counts what went wrong in the episodes that are here already; lets people tag steps."""

from itertools import groupby

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Count, Exists, OuterRef, Q
from django.db.models.functions import MD5

from retro_core.alignment import Move
from retro_core.failures import looped_steps, repeated_actions
from webapp.accounts import roles

BATCH = 500
VIEW = ["episodes.view_steptag"]
TAG = ["episodes.add_steptag", "episodes.delete_steptag"]


def count_steps(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    episode_model = apps.get_model("episodes", "Episode")
    last = 0
    while batch := list(
        episode_model.objects.filter(pk__gt=last).order_by("pk").only("pk")[:BATCH]
    ):
        last = batch[-1].pk
        counted = dict(_counted(apps, batch[0].pk, last))
        for episode in batch:
            values = counted.get(episode.pk, (0, 0, 0))
            episode.repeated_count, episode.looped_count, episode.dropped_count = values
        episode_model.objects.bulk_update(
            batch, ["repeated_count", "looped_count", "dropped_count"]
        )


def _counted(apps, first, last):
    steps = (
        apps.get_model("episodes", "Step")
        .objects.filter(episode__gte=first, episode__lte=last)
        .order_by("episode_id", "index")
        .values_list("episode_id", MD5("action"), MD5("observation"), "dropped_observations")
    )
    for pk, rows in groupby(steps.iterator(), key=lambda row: row[0]):
        found = list(rows)
        moves = [Move(action, observation) for _, action, observation, _ in found]
        dropped = sum(row[3] > 0 for row in found)
        yield pk, (repeated_actions(moves), looped_steps(moves), dropped)


def count_episodes(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    episode_model = apps.get_model("episodes", "Episode")
    repeats = apps.get_model("episodes", "Reflection").objects.filter(
        episode=OuterRef("pk"), repeats_previous=True
    )
    episode_model.objects.filter(Exists(repeats)).update(reflection_repeats=True)
    conditions = {
        "unsolved": Q(success=False),
        "invalid": Q(invalid_count__gt=0),
        "repeated": Q(repeated_count__gt=0),
        "looped": Q(looped_count__gt=0),
        "step_cap": Q(truncation_reason="step_cap"),
        "context_full": Q(dropped_count__gt=0) | Q(truncation_reason="context_full"),
        "other_stop": Q(truncation_reason__in=["repeated_action", "given_up", "unknown"]),
        "repeating": Q(reflection_repeats=True),
    }
    rows = (
        episode_model.objects.order_by()
        .values("experiment_id", "task__task_type", "trial")
        .annotate(
            episodes=Count("pk"),
            **{name: Count("pk", filter=condition) for name, condition in conditions.items()},
        )
    )
    model = apps.get_model("episodes", "FailureCount")
    model.objects.bulk_create(
        (model(task_type=row.pop("task__task_type"), **row) for row in list(rows)),
        batch_size=1000,
    )


def make_roles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    roles.grant(apps, roles.VIEWER, VIEW)
    roles.grant(apps, roles.ANNOTATOR, TAG)


class Migration(migrations.Migration):
    dependencies = [
        ("episodes", "0005_failure_counts"),
        ("accounts", "0002_roles"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [
        migrations.RunPython(count_steps, migrations.RunPython.noop),
        migrations.RunPython(count_episodes, migrations.RunPython.noop),
        migrations.RunPython(make_roles, migrations.RunPython.noop),
    ]
