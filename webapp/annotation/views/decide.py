from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp import present
from webapp.annotation import panels
from webapp.annotation.forms import LARGEST_VALUE
from webapp.annotation.models import Adjudication, QueueItem, Response
from webapp.annotation.services import comments
from webapp.annotation.services.deciding import decide, disputed_items, withdraw_decision
from webapp.annotation.views.access import item_or_404, person_of, queue_or_404
from webapp.episodes.models import Reflection
from webapp.keyset import page_of
from webapp.render import HtmxHttpRequest, render_page

DECIDE = "annotation.add_adjudication"
PAGE_SIZE = 40


class DecisionForm(forms.Form):
    """The value that holds, and why."""

    value = forms.FloatField(
        min_value=-LARGEST_VALUE, max_value=LARGEST_VALUE, help_text="In episode return."
    )
    why = forms.CharField(
        max_length=4000, widget=forms.Textarea({"rows": 3}), label="Why", help_text="For everyone."
    )
    gold = forms.BooleanField(
        required=False, label="Gold", help_text="Annotators are compared with it."
    )


class WithdrawalForm(forms.Form):
    """Why a decision holds no longer."""

    why = forms.CharField(max_length=4000)


@require_GET
@permission_required(DECIDE, raise_exception=True)
def disputes(request: HtmxHttpRequest, queue_id: int) -> HttpResponse:
    queue = queue_or_404(queue_id)
    rows = disputed_items(queue.pk).select_related("reflection__episode__task")
    page = page_of(rows, request.GET, PAGE_SIZE)
    decided = Adjudication.objects.current().filter(
        reflection__in=[item.reflection_id for item in page.rows]
    )
    values = dict(decided.values_list("reflection", "value"))
    context = {
        "current_section": "annotation",
        "queue": queue,
        "page": page,
        "rows": [(item, _spread(item), _decision(item, values)) for item in page.rows],
    }
    return render_page(request, "annotation/disputes.html", context, partials=["disputes"])


def _spread(item: QueueItem) -> list[tuple[str, str]]:
    rows = Response.objects.current().filter(item=item).select_related("person").order_by("pk")
    return [
        (row.person.get_username(), row.kind if row.value is None else present.signed(row.value))
        for row in rows
    ]


def _decision(item: QueueItem, values: dict[int, float | None]) -> str:
    value = values.get(item.reflection_id)
    return "" if value is None else present.signed(value)


@require_http_methods(["GET", "POST"])
@permission_required(DECIDE, raise_exception=True)
def item_decide(request: HtmxHttpRequest, queue_id: int, item_id: int) -> HttpResponse:
    item = item_or_404(request, queue_id, item_id)
    now = Adjudication.objects.current().filter(reflection=item.reflection_id).first()
    initial = {"value": now.value, "why": now.why, "gold": now.gold} if now else {}
    form = DecisionForm(request.POST or None, initial=initial)
    if form.is_valid():
        values = form.cleaned_data
        decide(item.reflection_id, person_of(request), **values, item=item)
        messages.success(request, "Decided. The effective rating follows.")
        return redirect("annotation:disputes", queue_id)
    reflection = item.reflection
    answers = Response.objects.current().filter(item=item).select_related("person").order_by("pk")
    context = {
        "current_section": "annotation",
        "queue": item.queue,
        "item": item,
        "reflection": reflection,
        "form": form,
        "now": now,
        "failed": panels.condensed(reflection.episode),
        "gold_answer": panels.gold_answer(reflection.episode.task),
        "goal": present.clip(reflection.episode.task.goal, panels.GOAL_SHOWN),
        "outcome": panels.outcome(item),
        "answers": panels.answer_rows(list(answers)),
        "automatic": present.signed(reflection.automatic_rating),
        "effective": present.signed(reflection.effective_rating),
        "comments": comments.of(reflection),
        "kind": "reflection",
    }
    return render(request, "annotation/decide.html", context, status=422 if form.is_bound else 200)


@require_POST
@permission_required(DECIDE, raise_exception=True)
def decision_withdraw(request: HttpRequest, reflection_id: int) -> HttpResponse:
    """Take the decision in force away, whatever it had replaced: answers count again."""
    reflection = get_object_or_404(Reflection.objects.only("pk"), pk=reflection_id)
    form = WithdrawalForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was withdrawn: say why.")
    elif withdraw_decision(reflection.pk, person_of(request), form.cleaned_data["why"]):
        messages.success(request, "Withdrawn. The effective rating follows the answers again.")
    else:
        messages.warning(request, "There is no decision in force: somebody withdrew it already.")
    return redirect("annotation:history", reflection.pk)
