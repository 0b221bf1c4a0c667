"""The effective rating, computed anew after every event, and the record of each change."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import connection, transaction

from retro_core.ratings import agreed_value, confidence_weight, effective_rating
from webapp.annotation.models import Adjudication, RatingEvent, RatingRule, Response
from webapp.episodes.models import Reflection

RULE_LOCK = 7_310_001  # of this database, for the rule as a whole


@dataclass(frozen=True, slots=True)
class Reason:
    """Who changed a rating, by what, and why."""

    person: User | None
    cause: RatingEvent.Cause
    why: str = ""
    response: Response | None = None
    adjudication: Adjudication | None = None


def current_rule() -> RatingRule:
    """The newest version of the rule; the first one is made when it is first needed."""
    newest = RatingRule.objects.order_by("-version").first()
    return newest or RatingRule.objects.get_or_create(version=1)[0]


def hold_rule(*, changes: bool = False) -> None:
    """Keep the rule as it is until the transaction ends, or keep it to oneself to change it.

    Taken before any reflection is locked: else an answer in flight would settle by the old rule
    after the new one has settled all others, or each would wait for the other.
    """
    lock = "pg_advisory_xact_lock" if changes else "pg_advisory_xact_lock_shared"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {lock}(%s)", [RULE_LOCK])


@transaction.atomic
def settle(reflection_ids: Iterable[int], reason: Reason) -> int:
    """Bring effective ratings up to date with every answer and decision; count the changes.

    The reflections are locked in one order, so that two people's events follow each other.
    """
    hold_rule()
    rule = current_rule()
    wanted = sorted(set(reflection_ids))
    # Without the key: the row of a new answer holds that of its reflection before it comes here.
    locked = Reflection.objects.select_for_update(no_key=True)
    rows = locked.filter(pk__in=wanted).order_by("pk")
    rows = rows.only("automatic_rating", "effective_rating", "human_rating")
    return sum(_settle_one(row, rule, reason) for row in rows)


def _settle_one(row: Reflection, rule: RatingRule, reason: Reason) -> bool:
    human = human_rating(row.pk, rule)
    after = effective_rating(row.automatic_rating, adjudicated=human)
    before = row.effective_rating
    if (human, after) == (row.human_rating, before):
        return False
    Reflection.objects.filter(pk=row.pk).update(human_rating=human, effective_rating=after)
    if after == before:
        return False
    RatingEvent.objects.create(
        reflection=row,
        person=reason.person,
        cause=reason.cause,
        why=reason.why,
        before=before,
        after=after,
        rule=rule,
        response=reason.response,
        adjudication=reason.adjudication,
    )
    return True


def human_rating(reflection_id: int, rule: RatingRule) -> float | None:
    """What people say: the decision, else the value they agree on, else nothing."""
    decision = Adjudication.objects.current().filter(reflection=reflection_id).first()
    agreed = agreed_ratings([reflection_id], rule)[reflection_id]
    return effective_rating(agreed, adjudicated=decision.value if decision else None)


def agreed_ratings(reflection_ids: Iterable[int], rule: RatingRule) -> dict[int, float | None]:
    """The value that people's answers agree on, by reflection, whatever was decided over them."""
    given: dict[int, list[tuple[float | None, int | None]]] = {pk: [] for pk in reflection_ids}
    rows = Response.objects.valued().filter(reflection__in=list(given)).newest_of_each()
    for reflection_id, value, sure in rows.values_list("reflection", "value", "confidence"):
        given[reflection_id].append((value, sure))
    return {pk: _agreed(answers, rule) for pk, answers in given.items()}


def _agreed(answers: list[tuple[float | None, int | None]], rule: RatingRule) -> float | None:
    weights = [confidence_weight(sure) for _, sure in answers]
    return agreed_value(
        [value for value, _ in answers if value is not None],
        least_responses=rule.least_responses,
        tolerance=rule.tolerance,
        weights=weights if rule.weighs_confidence else None,
    )


@transaction.atomic
def change_rule(
    person: User,
    *,
    least_responses: int,
    tolerance: float,
    why: str,
    weighs_confidence: bool = False,
) -> int:
    """Add a version of the rule and settle everything that people have touched."""
    hold_rule(changes=True)
    last = current_rule()
    RatingRule.objects.create(
        version=last.version + 1,
        least_responses=least_responses,
        tolerance=tolerance,
        weighs_confidence=weighs_confidence,
        why=why,
        made_by=person,
    )
    touched = Response.objects.values_list("reflection", flat=True).distinct()
    words = why or f"Rule version {last.version + 1}"
    return settle(touched, Reason(person, RatingEvent.Cause.RULE, words))
