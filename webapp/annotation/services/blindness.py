"""What people said stays hidden from one whom a blind queue may still ask about it.

So does a gold decision from one who is to be compared with it.
"""

from collections import defaultdict
from collections.abc import Iterable

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable

from retro_core.ratings import effective_rating
from webapp.annotation.models import Adjudication, QueueItem, Response
from webapp.annotation.services.effects import agreed_ratings, current_rule
from webapp.episodes.models import Reflection
from webapp.training.models import SnapshotItem

LEADS = "annotation.view_response"
Person = User | AnonymousUser


def hidden_from(person: Person, reflection_ids: Iterable[int]) -> set[int]:
    """Those that wait in an open blind queue and that the person has not answered there."""
    if person.has_perm(LEADS):
        return set()
    return set(every_hidden_from(person).filter(reflection__in=list(reflection_ids)))


def every_hidden_from(person: Person) -> "QuerySet[QueueItem, int]":
    """The ids of all reflections that are hidden so, for a query to leave out."""
    waiting = QueueItem.objects.filter(queue__blind=True).exclude(pk__in=_answered_by(person))
    return _of_open_queues(person, waiting)


def undecided_for(person: Person, reflection_ids: Iterable[int]) -> set[int]:
    """Those with a gold decision in force that an open queue keeps from the person.

    It does until their own answer, or altogether. Pages show them as if nothing were decided: to
    hide them would tell which items are gold.
    """
    if person.has_perm(LEADS):
        return set()
    return set(_every_undecided_for(person).filter(reflection__in=list(reflection_ids)))


def unrated_for(person: Person, reflection_ids: Iterable[int]) -> set[int]:
    """Those whose rating by people is not told, for either reason."""
    if person.has_perm(LEADS):
        return set()
    ids = list(reflection_ids)
    return hidden_from(person, ids) | undecided_for(person, ids)


def hide_people(person: Person, reflections: Iterable[Reflection]) -> None:
    """Put the automatic rating in the place of people's where that is hidden.

    Where a decision is kept, what the answers agree on takes its place. Only these objects change,
    for a page to show; nothing is stored.
    """
    rated = [row for row in reflections if row.human_rating is not None]
    ids = [row.pk for row in rated]
    hidden = hidden_from(person, ids) if rated else set()
    kept = undecided_for(person, ids) - hidden if rated else set()
    agreed = _agreed(kept)
    for row in rated:
        if row.pk in hidden or row.pk in kept:
            row.human_rating = agreed.get(row.pk)
            row.effective_rating = effective_rating(
                row.automatic_rating, adjudicated=row.human_rating
            )


def hide_people_in(person: Person, items: Iterable[SnapshotItem]) -> set[int]:
    """Put the automatic rating in the place of people's in what a snapshot holds.

    The result is the ids of the reflections that are hidden.
    """
    rows = list(items)
    hidden = unrated_for(person, [row.reflection_id for row in rows if row.reflection_id])
    for row in rows:
        if row.reflection_id in hidden and row.human_rating is not None:
            row.rating, row.human_rating = row.automatic_rating or 0.0, None
    return hidden


def rating_shown(person: Person) -> Combinable:
    """The rating of a reflection to filter and sort by: an order would tell what is hidden."""
    if person.has_perm(LEADS):
        return F("effective_rating")
    hidden = set(every_hidden_from(person).filter(reflection__human_rating__isnull=False))
    kept = set(_every_undecided_for(person)) - hidden
    by_value: dict[float | None, list[int]] = defaultdict(list)
    for pk, value in (dict.fromkeys(hidden) | _agreed(kept)).items():
        by_value[value].append(pk)
    told = [
        When(pk__in=ids, then=F("automatic_rating") if value is None else Value(value))
        for value, ids in by_value.items()
    ]
    return Case(*told, default=F("effective_rating")) if told else F("effective_rating")


def _agreed(reflection_ids: set[int]) -> dict[int, float | None]:
    return agreed_ratings(reflection_ids, current_rule()) if reflection_ids else {}


def _every_undecided_for(person: Person) -> "QuerySet[QueueItem, int]":
    gold = Adjudication.objects.current().filter(gold=True)
    decided = QueueItem.objects.filter(reflection__in=gold.values("reflection"))
    unanswered = ~Q(pk__in=_answered_by(person))
    return _of_open_queues(person, decided.filter(unanswered | Q(queue__shows_gold=False)))


def _answered_by(person: Person) -> "QuerySet[Response, int]":
    return Response.objects.current().filter(person=person.pk).values_list("item", flat=True)


def _of_open_queues(person: Person, items: "QuerySet[QueueItem]") -> "QuerySet[QueueItem, int]":
    """Their reflections; none for one who leads."""
    asked = items.none() if person.has_perm(LEADS) else items.filter(queue__closed_at=None)
    return asked.values_list("reflection", flat=True)
