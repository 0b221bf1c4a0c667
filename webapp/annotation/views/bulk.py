from typing import cast

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from webapp import present
from webapp.annotation.forms import LARGEST_VALUE
from webapp.annotation.models import Batch, Queue, Response
from webapp.annotation.services import bulk
from webapp.annotation.services.answers import Answer
from webapp.annotation.views.access import person_of, workable_or_404
from webapp.keyset import whole_number

ANNOTATE = "annotation.add_response"
KINDS = [
    ("accept", "Accept the rating"),
    ("override", "Override with a value"),
    ("unsure", "Unsure"),
    ("discard", "Discard"),
]


class BulkForm(forms.Form):
    """One answer for the chosen items; where the automatic rating is hidden none accepts it."""

    kind = forms.ChoiceField(choices=KINDS, label="Answer")
    value = forms.FloatField(required=False, min_value=-LARGEST_VALUE, max_value=LARGEST_VALUE)
    note = forms.CharField(required=False, max_length=500, help_text="Kept with every answer.")

    def __init__(self, queue: Queue, data: QueryDict | None = None) -> None:
        kinds = KINDS if queue.shows_automatic else KINDS[1:]
        super().__init__(data, initial={"kind": kinds[0][0]})
        cast(forms.ChoiceField, self.fields["kind"]).choices = kinds

    def clean(self) -> dict[str, object]:
        values = self.cleaned_data
        if values.get("kind") == "override" and values.get("value") is None:
            self.add_error("value", "Give the value that is right.")
        return values

    @property
    def answer(self) -> Answer:
        """The one answer."""
        kind = self.cleaned_data["kind"]
        value = self.cleaned_data["value"] if kind == "override" else None
        return Answer(kind, value, None, {}, [], [], self.cleaned_data["note"].strip())


@require_GET
@permission_required(ANNOTATE, raise_exception=True)
def bulk_choose(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Rows to choose from."""
    queue = workable_or_404(request, queue_id)
    return _render(request, queue, BulkForm(queue))


@require_POST
@permission_required(ANNOTATE, raise_exception=True)
def bulk_preview(request: HttpRequest, queue_id: int) -> HttpResponse:
    """What would be stored, before it is."""
    queue = workable_or_404(request, queue_id)
    form, chosen = BulkForm(queue, request.POST), _chosen(request)
    complaint = _complaint(chosen)
    if not form.is_valid() or complaint:
        return _render(request, queue, form, chosen, complaint, status=422)
    if "back" in request.POST:
        return _render(request, queue, form, chosen)
    if "apply" in request.POST:
        return _apply(request, queue, chosen, form.answer)
    return _render(request, queue, form, chosen, preview=_preview(queue, chosen, form.answer))


def _apply(request: HttpRequest, queue: Queue, chosen: list[int], answer: Answer) -> HttpResponse:
    batch = bulk.apply(queue, person_of(request), chosen, answer)
    left = len(chosen) - batch.size
    rest = f" {left} were answered, had no room, or had nothing to accept." if left else ""
    messages.success(request, f"{batch.size} items answered.{rest}")
    return redirect("annotation:batch", batch.pk)


@require_GET
@permission_required(ANNOTATE, raise_exception=True)
def batch_detail(request: HttpRequest, batch_id: int) -> HttpResponse:
    """What a bulk answer did, with its undo."""
    rows = Batch.objects.filter(person=person_of(request)).select_related("queue")
    batch = get_object_or_404(rows, pk=batch_id)
    answers = batch.responses.select_related("reflection__episode__task").order_by("pk")
    context = {
        "current_section": "annotation",
        "batch": batch,
        "queue": batch.queue,
        "made": present.moment(batch.created_at),
        "undone": present.moment(batch.undone_at),
        "answers": [(row, present.signed(row.value)) for row in answers],
    }
    return render(request, "annotation/batch.html", context)


@require_POST
@permission_required(ANNOTATE, raise_exception=True)
def batch_undo(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Take all its answers back."""
    batch = get_object_or_404(Batch, pk=batch_id, person=person_of(request))
    messages.success(request, f"{bulk.undo(batch)} answers taken back.")
    return redirect("annotation:batch", batch.pk)


def _render(
    request: HttpRequest,
    queue: Queue,
    form: BulkForm,
    chosen: list[int] | None = None,
    complaint: str = "",
    preview: list[tuple[str, str, str]] | None = None,
    status: int = 200,
) -> HttpResponse:
    rating = request.GET.get("rating", "") if queue.shows_automatic else ""
    items = bulk.offered(queue, person_of(request).pk, rating)
    picked = set(chosen or [])
    context = {
        "current_section": "annotation",
        "queue": queue,
        "form": form,
        "rating": rating,
        "ratings": list(bulk.RATINGS) if queue.shows_automatic else [],
        "rows": [
            (item, _automatic(queue, item.reflection.automatic_rating), item.pk in picked)
            for item in items
        ],
        "complaint": complaint,
        "chosen": chosen or [],
        "preview": preview,
        "fewest": bulk.FEWEST,
        "most": bulk.MOST,
    }
    return render(request, "annotation/bulk.html", context, status=status)


def _preview(queue: Queue, chosen: list[int], answer: Answer) -> list[tuple[str, str, str]]:
    """Task, automatic rating and value to be stored, of each item."""
    items = queue.items.filter(pk__in=chosen).select_related("reflection__episode__task")
    return [
        (
            f"{item.reflection.episode.task.key}, trial {item.reflection.episode.trial}",
            _automatic(queue, item.reflection.automatic_rating),
            _to_be(item.reflection.automatic_rating, answer),
        )
        for item in items.order_by("pk")
    ]


def _automatic(queue: Queue, value: float | None) -> str:
    return present.signed(value) if queue.shows_automatic else "hidden"


def _to_be(automatic: float | None, answer: Answer) -> str:
    if answer.kind == Response.Kind.ACCEPT:
        return present.signed(automatic) if automatic is not None else "left out"
    return present.signed(answer.value) if answer.value is not None else answer.kind


def _chosen(request: HttpRequest) -> list[int]:
    numbers = (whole_number(text) for text in request.POST.getlist("item")[: bulk.MOST + 1])
    return sorted({number for number in numbers if number is not None})


def _complaint(chosen: list[int]) -> str:
    if not bulk.FEWEST <= len(chosen) <= bulk.MOST:
        return f"Choose from {bulk.FEWEST} to {bulk.MOST} items; {len(chosen)} are chosen."
    return ""
