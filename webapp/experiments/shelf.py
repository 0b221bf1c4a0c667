"""Tags, archive and delete for many experiments at once; a delete can be undone for a while."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import PROTECT, Count, Q
from django.db.models.expressions import RawSQL
from django.utils import timezone

from webapp.episodes.models import Reflection
from webapp.experiments.models import Experiment, ExperimentQuerySet

KEPT = timedelta(days=7)
MOST_TAGS = 20
TAG_LENGTH = 40
LIVE = [Experiment.Status.QUEUED, Experiment.Status.RUNNING]


@dataclass(frozen=True, slots=True)
class Deletion:
    """What was put away, and why the others were not."""

    deleted: list[int]
    refused: list[str]


def add_tag(ids: Sequence[int], tag: str) -> int:
    """Tag those that do not have the tag yet and have room for it."""
    rows = Experiment.objects.filter(pk__in=ids).exclude(tags__contains=[tag])
    rows = rows.filter(Q(tags__len__lt=MOST_TAGS) | Q(tags=[]))
    return rows.update(tags=RawSQL("array_append(tags, %s)", [tag]))


def remove_tag(ids: Sequence[int], tag: str) -> int:
    """Take the tag off those that have it."""
    rows = Experiment.objects.filter(pk__in=ids, tags__contains=[tag])
    return rows.update(tags=RawSQL("array_remove(tags, %s)", [tag]))


def archive(ids: Sequence[int]) -> int:
    """Take experiments at rest off the list."""
    return _at_rest(ids).filter(archived_at=None).update(archived_at=timezone.now())


def unarchive(ids: Sequence[int]) -> int:
    """Put archived experiments back on the list."""
    return Experiment.objects.filter(pk__in=ids).update(archived_at=None)


def soft_delete(ids: Sequence[int]) -> Deletion:
    """Put experiments away until they are purged; what people's work hangs on stays."""
    protected = protecting_rows(ids)
    found = Experiment.objects.filter(pk__in=ids, deleted_at=None)
    names = dict(found.values_list("pk", "name"))
    live = set(found.filter(status__in=LIVE).values_list("pk", flat=True))
    refused = [f"{names[pk]}: it is being played; cancel it first." for pk in sorted(live)]
    refused += [
        f"{names[pk]}: people's work hangs on it ({_listed(rows)}). Archive it instead."
        for pk, rows in sorted(protected.items())
        if pk in names and pk not in live
    ]
    wanted = [pk for pk in names if pk not in live and pk not in protected]
    _at_rest(wanted).update(deleted_at=timezone.now())
    return Deletion(wanted, refused)


def restore(ids: Sequence[int]) -> int:
    """Undo a delete that was not purged yet."""
    return Experiment.objects.filter(pk__in=ids, deleted_at__isnull=False).update(deleted_at=None)


def purge(older_than: timedelta = KEPT) -> int:
    """Remove for good what was deleted long enough ago; work that came since protects it."""
    due = Experiment.objects.filter(deleted_at__lt=timezone.now() - older_than)
    ids = list(due.exclude(status__in=LIVE).values_list("pk", flat=True))
    protected = protecting_rows(ids)
    free = [pk for pk in ids if pk not in protected]
    for pk in free:
        with transaction.atomic():
            Experiment.objects.filter(pk=pk, deleted_at__isnull=False).delete()
    return len(free)


def protecting_rows(ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """By experiment, the rows that point at its reflections and forbid their deletion."""
    found: dict[int, dict[str, int]] = {}
    for relation in Reflection._meta.related_objects:
        if relation.on_delete is not PROTECT:
            continue
        words = str(relation.related_model._meta.verbose_name_plural)
        rows = (
            relation.related_model._default_manager.filter(
                **{f"{relation.field.name}__experiment__in": list(ids)}
            )
            .values_list(f"{relation.field.name}__experiment")
            .annotate(number=Count("pk"))
        )
        for experiment_id, number in rows.order_by():
            found.setdefault(experiment_id, {})[words] = number
    return found


def _listed(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {words}" for words, number in rows.items())


def _at_rest(ids: Iterable[int]) -> ExperimentQuerySet:
    return Experiment.objects.filter(pk__in=list(ids)).exclude(status__in=LIVE)
