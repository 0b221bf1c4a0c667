import math
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from webapp import present
from webapp.annotation import panels
from webapp.annotation.markdown import as_html
from webapp.annotation.models import Assignment, Draft, ModelScore, QueueItem, Response
from webapp.annotation.models.responses import SPAN_LABELS
from webapp.annotation.own_part import Submitted, decision_over, own_part, submitted
from webapp.annotation.services import answers
from webapp.annotation.sheet import sheet
from webapp.annotation.views.access import item_or_404, person_of
from webapp.keyset import whole_number
from webapp.render import HtmxHttpRequest, render_page


@require_GET
@never_cache  # the back button shows the draft as it is now
@permission_required("annotation.add_response", raise_exception=True)
def item_page(request: HtmxHttpRequest, queue_id: int, item_id: int) -> HttpResponse:
    item = item_or_404(request, queue_id, item_id)
    return render_item(request, item)


def render_item(
    request: HtmxHttpRequest,
    item: QueueItem,
    sent: Mapping[str, Any] | None = None,
    errors: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The three panels; `sent` is a refused form, shown again as it was."""
    person = person_of(request)
    context = _work(item, person, sent) | _reading(item) | own_part(item, person)
    context |= {"errors": errors or [], "submitted": just_submitted(request)}
    template = "annotation/item.html"
    return render_page(request, template, context, partials=["outcome"], status=status)


def _work(item: QueueItem, person: User, sent: Mapping[str, Any] | None) -> dict[str, Any]:
    """The form, and what the person may see by now."""
    draft = Draft.objects.filter(item=item, person=person).first()
    own = answers.current_response(item.pk, person.pk)
    place = Assignment.objects.filter(item=item, person=person).first()
    holds = place is not None and place.state == Assignment.State.OPEN
    body = sent or (draft.body if draft else answers.as_body(own) if own else {})
    answered = bool(own or (draft and draft.first_kind))
    automatic = item.reflection.automatic_rating
    done_by_others = item.assignments.filter(state=Assignment.State.DONE).exclude(person=person)
    shows_automatic = item.queue.shows_automatic or answered
    spans = answers.spans_of(body)
    return {
        "own": panels.answer_rows([own])[0] if own else None,
        "is_full": done_by_others.count() >= item.queue.overlap,
        "may_answer": item.queue.is_open and (holds or own is not None),
        "draft": draft,
        "version": draft.version if draft else 0,
        "key": answers.submission_key(item.pk, person.pk),
        "sheet": sheet(body, may_accept=shows_automatic and automatic is not None),
        "spans": spans,
        "span_labels": SPAN_LABELS,
        "pieces": panels.marked(item.reflection.text, spans),
        "shows_automatic": shows_automatic,
        "automatic": present.signed(automatic),
        "automatic_class": present.rating_class(automatic),
        "suggested": _suggested(item) if shows_automatic else None,
        "answered": answered,
        "outcome": panels.outcome(item) if answered else None,
        "peers": _peers(item, person) if own or not item.queue.blind else [],
        "decision": decision_over(item, own) if own else None,
    }


def _suggested(item: QueueItem) -> dict[str, str] | None:
    """What the queue's reward model says, where it has read the reflection."""
    if item.queue.scored_by_id is None:
        return None
    rows = ModelScore.objects.filter(adapter=item.queue.scored_by_id, reflection=item.reflection_id)
    row = rows.select_related("adapter").first()
    if row is None:
        return None
    return {
        "name": row.adapter.name,
        "score": present.signed(row.score),
        "class": present.rating_class(row.score),
        "chance": present.percent(1 / (1 + math.exp(-max(min(row.score, 60.0), -60.0)))),
    }


def _peers(item: QueueItem, person: User) -> list[panels.AnswerRow]:
    rows = Response.objects.current().filter(item=item).exclude(person=person)
    return panels.answer_rows(list(rows.select_related("person").order_by("pk")))


def _reading(item: QueueItem) -> dict[str, Any]:
    episode = item.reflection.episode
    guidelines = item.queue.guidelines.first()
    return {
        "current_section": "annotation",
        "item": item,
        "queue": item.queue,
        "reflection": item.reflection,
        "episode": episode,
        "failed": panels.condensed(episode),
        "goal": present.clip(episode.task.goal, panels.GOAL_SHOWN),
        "gold_answer": panels.gold_answer(episode.task),
        "guidelines": as_html(guidelines.text) if guidelines else "",
        "guidelines_version": guidelines.version if guidelines else 0,
    }


def just_submitted(request: HtmxHttpRequest) -> Submitted | None:
    """The answer that led to this page."""
    return submitted(whole_number(request.GET.get("undo")), person_of(request))
