"""Decisions over what people disagree on, and taking changes back."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, F, Max, Min, Q, QuerySet

from webapp.annotation.models import Adjudication, QueueItem, RatingEvent, Response
from webapp.annotation.services.effects import Reason, hold_rule, settle
from webapp.annotation.services.taking_back import withdraw
from webapp.episodes.models import Reflection


def disputed_items(queue_id: int) -> "QuerySet[QueueItem]":
    """Items whose values differ, or that somebody was unsure of, with at least two answers."""
    now = Q(responses__replaced_by=None) & ~Q(responses__kind=Response.Kind.WITHDRAWN)
    counted = QueueItem.objects.filter(queue=queue_id).annotate(
        answers=Count("responses", filter=now),
        unsure=Count("responses", filter=now & Q(responses__kind=Response.Kind.UNSURE)),
        lowest=Min("responses__value", filter=now),
        highest=Max("responses__value", filter=now),
    )
    differ = Q(highest__gt=F("lowest")) | Q(unsure__gt=0)
    return counted.filter(differ, answers__gte=2)


@transaction.atomic
def decide(
    reflection_id: int,
    person: User,
    value: float | None,
    *,
    why: str = "",
    gold: bool = False,
    item: QueueItem | None = None,
    cause: RatingEvent.Cause = RatingEvent.Cause.ADJUDICATION,
) -> Adjudication:
    """Add a decision over the one before; None for the value withdraws it."""
    hold_rule()
    Reflection.objects.select_for_update(no_key=True).only("pk").get(pk=reflection_id)
    last = Adjudication.objects.filter(reflection=reflection_id, replaced_by=None).first()
    decision = Adjudication.objects.create(
        reflection_id=reflection_id,
        item=item,
        value=value,
        withdrawn=value is None,
        gold=gold and value is not None,
        why=why,
        decided_by=person,
        replaces=last,
    )
    settle([reflection_id], Reason(person, cause, why, adjudication=decision))
    return decision


@transaction.atomic
def withdraw_decision(reflection_id: int, person: User, why: str) -> bool:
    """Leave the reflection undecided, whatever was decided before; False if it is so already."""
    hold_rule()
    Reflection.objects.select_for_update(no_key=True).only("pk").get(pk=reflection_id)
    if not Adjudication.objects.current().filter(reflection=reflection_id).exists():
        return False
    decide(reflection_id, person, None, why=why)
    return True


def revert(events: Iterable[RatingEvent], person: User, why: str, *, outright: bool = False) -> int:
    """Take back what caused each change, where that is still in force; count those.

    What it had replaced, an earlier answer or decision, is in force again, unless that is to go
    as well (`outright`).
    """
    return sum(_revert_one(event, person, why, outright) for event in events)


@transaction.atomic
def _revert_one(event: RatingEvent, person: User, why: str, outright: bool) -> bool:
    cause = RatingEvent.Cause.REVERT
    if event.response is not None:
        return withdraw(event.response, person, cause, why, outright=outright)
    if event.adjudication is None:
        return False
    hold_rule()
    Reflection.objects.select_for_update(no_key=True).only("pk").get(pk=event.reflection_id)
    decisions = Adjudication.objects.current().select_related("replaces")
    decision = decisions.filter(pk=event.adjudication.pk).first()
    if decision is None:
        return False
    before = None if outright else decision.replaces
    value, gold = (before.value, before.gold) if before else (None, False)
    decide(event.reflection_id, person, value, why=why, gold=gold, cause=cause)
    return True


def revertable(events: Iterable[RatingEvent]) -> set[int]:
    """Those events whose answer or decision is still in force."""
    rows = list(events)
    answers = Response.objects.current().filter(pk__in=[row.response_id for row in rows])
    decisions = Adjudication.objects.current().filter(pk__in=[row.adjudication_id for row in rows])
    answer_ids = set(answers.values_list("pk", flat=True))
    decision_ids = set(decisions.values_list("pk", flat=True))
    return {
        row.pk
        for row in rows
        if row.response_id in answer_ids or row.adjudication_id in decision_ids
    }
