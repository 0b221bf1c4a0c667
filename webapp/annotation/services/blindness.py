"""What people said stays hidden from one whom a blind queue may still ask about it."""

from collections.abc import Iterable

from django.contrib.auth.models import AnonymousUser, User

from webapp.annotation.models import QueueItem, Response
from webapp.episodes.models import Reflection

LEADS = "annotation.view_response"


def hidden_from(person: User | AnonymousUser, reflection_ids: Iterable[int]) -> set[int]:
    """Those that wait in an open blind queue and that the person has not answered there."""
    if person.has_perm(LEADS):
        return set()
    answered = Response.objects.current().filter(person=person.pk).values("item")
    waiting = QueueItem.objects.filter(
        reflection__in=list(reflection_ids), queue__blind=True, queue__closed_at=None
    )
    return set(waiting.exclude(pk__in=answered).values_list("reflection", flat=True))


def hide_people(person: User | AnonymousUser, reflections: Iterable[Reflection]) -> None:
    """Put the automatic rating in the place of people's where that is hidden.

    Only these objects change, for a page to show; nothing is stored.
    """
    rated = [row for row in reflections if row.human_rating is not None]
    hidden = hidden_from(person, [row.pk for row in rated]) if rated else set()
    for row in rated:
        if row.pk in hidden:
            row.effective_rating, row.human_rating = row.automatic_rating, None
