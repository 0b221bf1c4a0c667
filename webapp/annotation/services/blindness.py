"""What people said stays hidden from one whom a blind queue may still ask about it."""

from collections.abc import Iterable

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Case, F, QuerySet, When
from django.db.models.expressions import Combinable

from webapp.annotation.models import QueueItem, Response
from webapp.episodes.models import Reflection
from webapp.training.models import SnapshotItem

LEADS = "annotation.view_response"


def hidden_from(person: User | AnonymousUser, reflection_ids: Iterable[int]) -> set[int]:
    """Those that wait in an open blind queue and that the person has not answered there."""
    if person.has_perm(LEADS):
        return set()
    waiting = _waiting_for(person).filter(reflection__in=list(reflection_ids))
    return set(waiting.values_list("reflection", flat=True))


def hide_people(person: User | AnonymousUser, reflections: Iterable[Reflection]) -> None:
    """Put the automatic rating in the place of people's where that is hidden.

    Only these objects change, for a page to show; nothing is stored.
    """
    rated = [row for row in reflections if row.human_rating is not None]
    hidden = hidden_from(person, [row.pk for row in rated]) if rated else set()
    for row in rated:
        if row.pk in hidden:
            row.effective_rating, row.human_rating = row.automatic_rating, None


def hide_people_in(person: User | AnonymousUser, items: Iterable[SnapshotItem]) -> set[int]:
    """The same for what a snapshot holds of them; the ids of the reflections that are hidden."""
    rows = list(items)
    hidden = hidden_from(person, [row.reflection_id for row in rows if row.reflection_id])
    for row in rows:
        if row.reflection_id in hidden and row.human_rating is not None:
            row.rating, row.human_rating = row.automatic_rating or 0.0, None
    return hidden


def rating_shown(person: User | AnonymousUser) -> Combinable:
    """The rating of a reflection to filter and sort by: an order would tell what is hidden."""
    if person.has_perm(LEADS):
        return F("effective_rating")
    waiting = _waiting_for(person).filter(reflection__human_rating__isnull=False)
    hidden = list(waiting.values_list("reflection", flat=True))
    if not hidden:
        return F("effective_rating")
    return Case(When(pk__in=hidden, then=F("automatic_rating")), default=F("effective_rating"))


def _waiting_for(person: User | AnonymousUser) -> "QuerySet[QueueItem]":
    answered = Response.objects.current().filter(person=person.pk).values("item")
    open_items = QueueItem.objects.filter(queue__blind=True, queue__closed_at=None)
    return open_items.exclude(pk__in=answered)
