"""What people said stays hidden from one whom a blind queue may still ask about it.

So does a gold decision from one who is to be compared with it.
"""

from collections import defaultdict
from collections.abc import Iterable

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import BooleanField, Case, ExpressionWrapper, F, Q, QuerySet, Value, When
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
    waiting = _asked(person).filter(_waits_for(person))
    return waiting.values_list("reflection", flat=True)


def undecided_for(person: Person, reflection_ids: Iterable[int]) -> set[int]:
    """Those with a gold decision in force that an open queue keeps from the person.

    It does until their own answer, or altogether. Pages show them as if nothing were decided: to
    hide them would tell which items are gold.
    """
    if person.has_perm(LEADS):
        return set()
    kept = _asked(person).filter(_keeps_gold_from(person), reflection__in=list(reflection_ids))
    return set(kept.values_list("reflection", flat=True))


def unrated_for(person: Person, reflection_ids: Iterable[int]) -> set[int]:
    """Those whose rating by people is not told, for either reason."""
    if person.has_perm(LEADS):
        return set()
    hidden, kept = _untold(person, Q(reflection__in=list(reflection_ids)))
    return hidden | kept


def hide_people(person: Person, reflections: Iterable[Reflection]) -> None:
    """Put the automatic rating in the place of people's where that is hidden.

    Where a decision is kept, what the answers agree on takes its place. Only these objects change,
    for a page to show; nothing is stored.
    """
    rated = [row for row in reflections if row.human_rating is not None]
    if not rated or person.has_perm(LEADS):
        return
    hidden, kept = _untold(person, Q(reflection__in=[row.pk for row in rated]))
    told = dict.fromkeys(hidden) | _agreed(kept)
    for row in rated:
        if row.pk in told:
            row.human_rating = told[row.pk]
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
    hidden, kept = _untold(person, Q(reflection__human_rating__isnull=False))
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


def _untold(person: Person, which: Q) -> tuple[set[int], set[int]]:
    """Reflections that are hidden, and those of the others whose decision is kept; one query."""
    waits, kept = _waits_for(person), _keeps_gold_from(person)
    rows = (
        _asked(person)
        .filter(waits | kept, which)
        .annotate(waits=ExpressionWrapper(waits, output_field=BooleanField()))
    )
    found = list(rows.values_list("reflection", "waits"))
    hidden = {pk for pk, is_waiting in found if is_waiting}
    return hidden, {pk for pk, _ in found} - hidden


def _asked(person: Person) -> "QuerySet[QueueItem]":
    """Items of open queues; none for one who leads."""
    leads = person.has_perm(LEADS)
    return QueueItem.objects.none() if leads else QueueItem.objects.filter(queue__closed_at=None)


def _waits_for(person: Person) -> Q:
    return Q(queue__blind=True) & _unanswered_by(person)


def _keeps_gold_from(person: Person) -> Q:
    gold = Adjudication.objects.current().filter(gold=True).values("reflection")
    return Q(reflection__in=gold) & (Q(queue__shows_gold=False) | _unanswered_by(person))


def _unanswered_by(person: Person) -> Q:
    answered = Response.objects.current().filter(person=person.pk)
    return ~Q(pk__in=answered.values("item"))
