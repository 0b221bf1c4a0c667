"""What an annotator does: take an item, save a draft, answer, undo, skip."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from webapp.annotation.forms import AnswerForm, DraftForm
from webapp.annotation.models import Draft, Queue, QueueItem, RatingEvent, Response
from webapp.annotation.services import answers, claims, taking_back
from webapp.annotation.views.access import item_or_404, person_of, workable_or_404
from webapp.annotation.views.annotate import render_item
from webapp.keyset import whole_number
from webapp.render import HtmxHttpRequest

ANNOTATE = "annotation.add_response"


@require_POST
@permission_required(ANNOTATE, raise_exception=True)
def next_item(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Hand out the person's next item."""
    return _to_next(request, workable_or_404(request, queue_id))


@require_POST
@permission_required(ANNOTATE, raise_exception=True)
def take_item(request: HttpRequest, queue_id: int, item_id: int) -> HttpResponse:
    """Take this very item, if it has room."""
    workable_or_404(request, queue_id)
    item = item_or_404(request, queue_id, item_id)
    if not claims.take(item.pk, person_of(request).pk):
        messages.warning(request, "This item has all the answers that it needs.")
    return redirect("annotation:item", queue_id, item_id)


@require_POST
@permission_required(ANNOTATE, raise_exception=True)
def skip_item(request: HttpRequest, queue_id: int, item_id: int) -> HttpResponse:
    """Give the item back and go on with the next; what was typed stays as a draft."""
    queue = workable_or_404(request, queue_id)
    item = item_or_404(request, queue_id, item_id)
    claims.skip(item, person_of(request).pk)
    return _to_next(request, queue)


@require_POST
@permission_required(ANNOTATE, raise_exception=True)
def save_draft(request: HtmxHttpRequest, queue_id: int, item_id: int) -> HttpResponse:
    """Save what was typed over the version that the tab saw; 409 if another tab saved since."""
    item = item_or_404(request, queue_id, item_id)
    form = DraftForm(request.POST)
    version = whole_number(request.POST.get("version"))
    if not form.is_valid() or version is None:
        return _draft_refused(request, item, form)
    body = form.cleaned_data
    key = body.pop("key")
    saved = answers.save_draft(item.pk, person_of(request).pk, version, body, key)
    if request.accepts("text/html"):
        if saved is None:
            messages.warning(request, "Another tab saved a newer draft: this is that one.")
        return redirect("annotation:item", queue_id, item_id)
    if saved is None:
        return JsonResponse(_stored(item, person_of(request).pk), status=409)
    return JsonResponse({"version": saved.version, "answered": bool(saved.first_kind)})


def _draft_refused(request: HtmxHttpRequest, item: QueueItem, form: DraftForm) -> HttpResponse:
    words = [str(error) for errors in form.errors.values() for error in errors]
    if request.accepts("text/html"):
        return render_item(request, item, _as_sent(request), words, status=422)
    return JsonResponse({"errors": words or ["The version is missing."]}, status=422)


def _stored(item: QueueItem, person_id: int) -> dict[str, Any]:
    """What a stale tab is told: the draft as it stands, or that it was submitted."""
    draft = Draft.objects.filter(item=item, person=person_id).first()
    if draft is None:
        return {"version": 0, "submitted": True}
    return {"version": draft.version, "submitted": False}


@require_POST
@permission_required(ANNOTATE, raise_exception=True)
def beat(request: HttpRequest, queue_id: int, item_id: int) -> HttpResponse:
    """Renew the lease while the page is open; 409 when others have filled the item."""
    workable_or_404(request, queue_id)
    item = item_or_404(request, queue_id, item_id)
    held = claims.take(item.pk, person_of(request).pk)
    return JsonResponse({"held": held}, status=200 if held else 409)


@require_POST
@permission_required(ANNOTATE, raise_exception=True)
def submit(request: HtmxHttpRequest, queue_id: int, item_id: int) -> HttpResponse:
    """Add the answer and go on with the next item."""
    item = item_or_404(request, queue_id, item_id)
    person = person_of(request)
    form = AnswerForm(
        request.POST,
        automatic=item.reflection.automatic_rating,
        length=len(item.reflection.text),
    )
    if not form.is_valid():
        words = [str(error) for errors in form.errors.values() for error in errors]
        return render_item(request, item, _as_sent(request), words, status=422)
    key, seconds = form.cleaned_data["key"], form.cleaned_data["seconds"]
    try:
        response = answers.submit(
            item.pk, person, form.answer, key, seconds=seconds, seen=form.seen
        )
    except answers.Refused as refusal:
        return render_item(request, item, _as_sent(request), [str(refusal)], status=409)
    return _to_next(request, item.queue, undo=response.pk)


@require_POST
@permission_required(ANNOTATE, raise_exception=True)
def undo(request: HttpRequest, response_id: int) -> HttpResponse:
    """Take the answer back within a few seconds; the form is as it was."""
    rows = Response.objects.select_related("item")
    response = get_object_or_404(rows, pk=response_id, person=person_of(request))
    cause = RatingEvent.Cause.WITHDRAWAL
    if not taking_back.may_undo(response):
        messages.warning(request, "Too late to undo. Open the item and change your answer.")
    elif not taking_back.withdraw(response, person_of(request), cause, "Undone"):
        messages.warning(request, "That answer was taken back already.")
    return redirect("annotation:item", response.item.queue_id, response.item_id)


def _as_sent(request: HttpRequest) -> dict[str, Any]:
    """A refused form, to show it again."""
    form = DraftForm(request.POST)
    form.is_valid()
    sent = request.POST.dict() | {"reasons": request.POST.getlist("reasons")}
    return sent | {"spans": form.cleaned_data.get("spans", [])}


def _to_next(request: HttpRequest, queue: Queue, undo: int = 0) -> HttpResponse:
    item = claims.next_item(queue, person_of(request).pk) if queue.is_open else None
    query = f"?undo={undo}" if undo else ""
    if item is None:
        messages.success(request, "Nothing waits for you in this queue now.")
        return redirect(reverse("annotation:queue", args=[queue.pk]) + query)
    return redirect(reverse("annotation:item", args=[queue.pk, item.pk]) + query)
