"""Drafts and answers: a draft is saved by version, an answer is added once and stays."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from webapp.annotation.models import Assignment, Batch, Draft, QueueItem, RatingEvent, Response
from webapp.annotation.services.claims import lock_item, may_work, place
from webapp.annotation.services.effects import Reason, settle


class Refused(Exception):
    """An answer that cannot be taken; the message says why, and the draft is kept."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A checked answer as the form gives it."""

    kind: str
    value: float | None
    confidence: int | None
    rubric: dict[str, str]
    reasons: list[str]
    spans: list[dict[str, Any]]  # {start, end, label}
    note: str

    @property
    def digest(self) -> str:
        """Equal for equal answers."""
        words = [self.kind, self.value, self.confidence, self.rubric, self.reasons]
        whole = json.dumps([*words, self.spans, self.note], sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Seen:
    """The version of the draft that a page knows, and the page's own name."""

    version: int
    tab: str

    def is_older_than(self, draft: Draft | None) -> bool:
        """Whether another page saved since; what this page itself saved is no news to it."""
        if draft is None or draft.version <= self.version:
            return False
        return not self.tab or draft.body.get("tab") != self.tab


@transaction.atomic
def save_draft(
    item_id: int, person_id: int, version: int, body: dict[str, Any], key: UUID | None = None
) -> Draft | None:
    """Save over the version that the writer saw; None if another tab saved or submitted since.

    `key` is that of the answer being written: a save that arrives after its submission is late.
    A tab whose last save arrived though it never heard so goes on from its own draft.
    The first answer is kept apart, because only then the next episode is shown.
    """
    drafts = Draft.objects.filter(item=item_id, person=person_id)
    saved = False
    if version == 0:
        lock_item(item_id)
    if key is not None and key != submission_key(item_id, person_id):
        return None
    if version == 0:
        draft, is_new = Draft.objects.get_or_create(
            item_id=item_id, person_id=person_id, defaults={"body": body}
        )
        saved = is_new or draft.body == body
    if not saved:
        words = {"version": F("version") + 1, "body": body, "saved_at": timezone.now()}
        saved = bool(drafts.filter(_known_to(version, body.get("tab"))).update(**words))
    if not saved:
        return None
    Assignment.objects.renew(item_id, person_id)
    return _note_first(drafts.get())


def _known_to(version: int, tab: str | None) -> Q:
    own = Q(version=version + 1, body__tab=tab) if tab else Q()
    return Q(version=version) | own


def _note_first(draft: Draft) -> Draft:
    """To override is an answer once it has a value."""
    kind, value = draft.body.get("kind", ""), _number(draft.body.get("value"))
    given = kind != Response.Kind.OVERRIDE or value is not None
    if kind and given and not draft.first_kind:
        draft.first_kind, draft.first_value = kind, value
        draft.save(update_fields=["first_kind", "first_value"])
    return draft


def _number(typed: str | None) -> float | None:
    """A value that is still being typed may be no number yet."""
    try:
        value = float(typed or "")
    except ValueError:
        return None
    return value if isfinite(value) else None


def current_response(item_id: int, person_id: int) -> Response | None:
    """The person's answer in force."""
    return Response.objects.current().filter(item=item_id, person=person_id).first()


def submission_key(item_id: int, person_id: int) -> UUID:
    """The key of the person's next answer: the same in every tab until one is submitted."""
    last = Response.objects.filter(item=item_id, person=person_id, replaced_by=None).first()
    return uuid5(NAMESPACE_URL, f"response/{item_id}/{person_id}/{last.pk if last else 0}")


@transaction.atomic
def submit(
    item_id: int,
    person: User,
    answer: Answer,
    key: UUID,
    *,
    seconds: float | None = None,
    batch: Batch | None = None,
    seen: Seen | None = None,
) -> Response:
    """Add the answer, once however often it is sent, and settle the rating.

    A correction replaces the person's own earlier answer. Raises Refused if the item has been
    answered by as many people as it needs, or in another tab, or if another tab holds a newer draft
    than `seen`.
    """
    item = lock_item(item_id)
    earlier = Response.objects.filter(key=key).first()
    if earlier is not None:
        return _same(earlier, answer)
    if key != submission_key(item_id, person.pk):
        raise Refused("You answered this item in another tab since. Look at that answer first.")
    if not may_work(item.queue, person):
        raise Refused("The queue takes no more answers from you. Your draft is kept.")
    draft = Draft.objects.select_for_update().filter(item=item_id, person=person).first()
    if seen is not None and seen.is_older_than(draft):
        raise Refused("Another tab saved a newer draft. Submit again to keep what is here.")
    last = Response.objects.filter(item=item_id, person=person, replaced_by=None).first()
    if last is None or last.kind == Response.Kind.WITHDRAWN:
        _fill_place(item, person.pk)
    extra = {"key": key, "replaces": last, "seconds": seconds, "batch": batch}
    response = _add(item, person, answer, draft, extra)
    Draft.objects.filter(item=item_id, person=person).delete()
    settle([item.reflection_id], Reason(person, RatingEvent.Cause.RESPONSE, response=response))
    return response


def _same(earlier: Response, answer: Answer) -> Response:
    if earlier.digest != answer.digest:
        raise Refused("You answered this item otherwise in another tab. Look at that answer first.")
    return earlier


def _fill_place(item: QueueItem, person_id: int) -> None:
    if not place(item, person_id):
        raise Refused("Others have finished this item while you were away. Your draft is kept.")
    Assignment.objects.filter(item=item, person=person_id).update(state=Assignment.State.DONE)


def _add(
    item: QueueItem, person: User, answer: Answer, draft: Draft | None, extra: dict[str, Any]
) -> Response:
    automatic = item.reflection.automatic_rating
    first = draft if draft and draft.first_kind else None  # a draft may hold a note alone
    return Response.objects.create(
        item=item,
        reflection_id=item.reflection_id,
        person=person,
        entered_by=person,
        kind=answer.kind,
        value=automatic if answer.kind == Response.Kind.ACCEPT else answer.value,
        automatic_rating=automatic,
        first_kind=first.first_kind if first else answer.kind,
        first_value=first.first_value if first else answer.value,
        confidence=answer.confidence,
        rubric=answer.rubric,
        reasons=answer.reasons,
        spans=answer.spans,
        note=answer.note,
        guidelines=item.queue.guidelines.first(),
        digest=answer.digest,
        **extra,
    )


def as_body(response: Response) -> dict[str, Any]:
    """The fields of the form, filled as the person had filled them."""
    value = response.value if response.kind == Response.Kind.OVERRIDE else None
    body = {
        "kind": response.kind,
        "value": "" if value is None else f"{value:.12g}",
        "confidence": str(response.confidence or ""),
        "reasons": response.reasons,
        "spans": response.spans,
        "note": response.note,
    }
    return body | {f"rubric_{name}": judged for name, judged in response.rubric.items()}


def spans_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The highlights of a draft; a refused form may hold none that can be read."""
    spans = body.get("spans")
    return spans if isinstance(spans, list) else []
