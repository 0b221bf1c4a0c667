"""Counterfactual ratings: the list, one reflection's replays, and asking for more."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from retro_core.counterfactual import MOST_PAIRS
from webapp import present
from webapp.annotation.models import Counterfactual, Replay, Work
from webapp.annotation.services import counterfactual as services
from webapp.annotation.services.blindness import every_hidden_from
from webapp.annotation.views.access import hides_answers, person_of, queue_or_404
from webapp.episodes.models import Reflection
from webapp.keyset import page_of
from webapp.render import HtmxHttpRequest, render_page

VIEW, ASK = "episodes.view_reflection", "annotation.change_queue"
PAGE_SIZE = 40


class AskForm(forms.Form):
    """How many pairs, and how bold the actor plays them."""

    pairs = forms.IntegerField(min_value=2, max_value=MOST_PAIRS, initial=services.PAIRS)
    temperature = forms.FloatField(
        min_value=0, max_value=2, initial=services.TEMPERATURE, help_text="Of the actor's actions."
    )


@require_GET
@permission_required(VIEW, raise_exception=True)
def counterfactual_list(request: HtmxHttpRequest) -> HttpResponse:
    """All of them but those of deleted experiments, newest first."""
    rows = Counterfactual.objects.filter(reflection__experiment__deleted_at=None)
    rows = rows.select_related("reflection__episode__task").defer(
        "reflection__prompt", "reflection__episode__task__payload"
    )
    shown = rows.exclude(reflection__in=every_hidden_from(person_of(request)))
    page = page_of(shown.prefetch_related("replays"), request.GET, PAGE_SIZE)
    context = {
        "current_section": "annotation",
        "rows": [_row(row) for row in page.rows],
        "page": page,
        "moving": any(row.is_moving for row in page.rows),
        "address": request.get_full_path(),
    }
    template = "annotation/counterfactuals.html"
    return render_page(request, template, context, partials=["counterfactuals"])


@require_GET
@permission_required(VIEW, raise_exception=True)
def counterfactual_detail(request: HtmxHttpRequest, reflection_id: int) -> HttpResponse:
    """The replays of one reflection, pair by pair, and the button that asks for them."""
    rows = Reflection.objects.select_related("episode__task", "experiment")
    reflection = get_object_or_404(rows.defer("prompt"), pk=reflection_id)
    row = Counterfactual.objects.filter(reflection=reflection).first()
    hidden = hides_answers(request, reflection)
    context = {
        "current_section": "reflections",
        "reflection": reflection,
        "hidden": hidden,
        "found": _row(row) if row and not hidden else None,
        "pairs": _pairs(list(row.replays.all())) if row and not hidden else [],
        "automatic": present.signed(reflection.automatic_rating),
        "automatic_class": present.rating_class(reflection.automatic_rating),
        "why_not": services.why_not(reflection.experiment),
        "form": AskForm(initial=_initial(row)),
    }
    template = "annotation/counterfactual.html"
    return render_page(request, template, context, partials=["replays"])


@require_POST
@permission_required(ASK, raise_exception=True)
def counterfactual_ask(request: HttpRequest, reflection_id: int) -> HttpResponse:
    """Queue the replays of one reflection."""
    get_object_or_404(Reflection.objects.only("pk"), pk=reflection_id)
    _ask(request, [reflection_id])
    return redirect("annotation:counterfactual", reflection_id)


@require_POST
@permission_required(ASK, raise_exception=True)
def queue_ask(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Queue the replays of every item of a queue."""
    queue = queue_or_404(queue_id)
    _ask(request, services.not_replayed_first(queue))
    return redirect("annotation:queue", queue.pk)


def _ask(request: HttpRequest, reflection_ids: list[int]) -> None:
    form = AskForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"From 2 to {MOST_PAIRS} pairs, and a temperature from 0 to 2.")
        return
    asked = services.request(reflection_ids, asked_by=person_of(request), **form.cleaned_data)
    messages.success(request, f"Counterfactual ratings: {asked.words}")


def _initial(row: Counterfactual | None) -> dict[str, Any]:
    if row is None:
        return {}
    more = row.pairs + (2 if row.status == Work.Status.DONE else 0)
    return {"pairs": min(more, MOST_PAIRS), "temperature": row.temperature}


def _row(row: Counterfactual) -> dict[str, Any]:
    played, wanted = len(row.replays.all()), 2 * row.pairs
    return {
        "row": row,
        "played": played,
        "wanted": wanted,
        "share": round(100 * min(played / wanted, 1)),
        "mean": present.signed(row.mean),
        "mean_class": present.rating_class(row.mean),
        "interval": interval_words(row.low, row.high),
        "automatic": present.signed(row.reflection.automatic_rating),
        "automatic_class": present.rating_class(row.reflection.automatic_rating),
        "text": present.clip(row.reflection.text, 140).text,
        "asked": present.moment(row.asked_at),
    }


def interval_words(low: float | None, high: float | None) -> str:
    """Both ends with their signs; empty where there is no interval."""
    if low is None or high is None:
        return ""
    return f"{present.signed(low)} to {present.signed(high)}"


def _pairs(replays: list[Replay]) -> list[dict[str, Any]]:
    arms: dict[int, dict[bool, Replay]] = {}
    for replay in replays:
        arms.setdefault(replay.pair, {})[replay.shown] = replay
    return [
        {
            "number": pair + 1,
            "with": arm.get(True),
            "without": arm.get(False),
            "gain": present.signed(arm[True].episode_return - arm[False].episode_return)
            if len(arm) == 2
            else present.DASH,
        }
        for pair, arm in sorted(arms.items())
    ]
