"""Taking an answer back: what it had replaced is in force again; nothing is deleted."""

import hashlib

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from webapp.annotation.models import Assignment, Draft, RatingEvent, Response
from webapp.annotation.models.queues import LEASE
from webapp.annotation.services.answers import as_body, submission_key
from webapp.annotation.services.claims import lock_item
from webapp.annotation.services.effects import Reason, settle

UNDO_SECONDS = 10
UNDO_GRACE = 5  # the button's seconds and a slow connection's
SAID = (
    *("kind", "value", "automatic_rating", "first_kind", "first_value", "confidence"),
    *("rubric", "reasons", "spans", "note", "seconds", "guidelines_id", "batch_id", "digest"),
)


def may_undo(response: Response) -> bool:
    """Whether it was submitted a moment ago."""
    age = (timezone.now() - response.created_at).total_seconds()
    return age <= UNDO_SECONDS + UNDO_GRACE


@transaction.atomic
def withdraw(
    response: Response,
    by: User,
    cause: RatingEvent.Cause,
    why: str = "",
    *,
    outright: bool = False,
) -> bool:
    """Take an answer back by a further event; its words become the person's draft again.

    The answer that it had corrected, if there is one, is given again, unless the person is to be
    left without any (`outright`). False if it was replaced or withdrawn before.
    """
    item = lock_item(response.item_id)
    if not Response.objects.current().filter(pk=response.pk).exists():
        return False
    corrected = response.replaces
    if outright or corrected is None or corrected.kind == Response.Kind.WITHDRAWN:
        event = _withdrawal(response, by, why)
        _open_again(response)
    else:
        event = _given_again(corrected, response, by)
    Draft.objects.get_or_create(
        item=item,
        person_id=response.person_id,
        defaults={
            "body": as_body(response),
            "first_kind": response.first_kind,
            "first_value": response.first_value,
        },
    )
    settle([item.reflection_id], Reason(by, cause, why, response=event))
    return True


def _open_again(response: Response) -> None:
    mine = Assignment.objects.filter(item=response.item_id, person=response.person_id)
    mine.update(state=Assignment.State.OPEN, lease_expires_at=timezone.now() + LEASE)


def _withdrawal(response: Response, by: User, why: str) -> Response:
    return _event_after(
        response,
        by,
        kind=Response.Kind.WITHDRAWN,
        automatic_rating=response.automatic_rating,
        note=why,
        digest=hashlib.sha256(why.encode()).hexdigest(),
    )


def _given_again(corrected: Response, response: Response, by: User) -> Response:
    words = {name: getattr(corrected, name) for name in SAID}
    return _event_after(response, by, said_at=corrected.said_when, **words)


def _event_after(response: Response, by: User, **said: object) -> Response:
    return Response.objects.create(
        item_id=response.item_id,
        reflection_id=response.reflection_id,
        person_id=response.person_id,
        entered_by=by,
        key=submission_key(response.item_id, response.person_id),
        replaces=response,
        **said,
    )
