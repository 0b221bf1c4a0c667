"""What people's ratings change: before retraining on frozen features, and after it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from retro_core.errors import InvalidInput
from retro_core.training.presets import PRESETS
from webapp import present
from webapp.adapters.models import Adapter
from webapp.annotation.models import Measurement, Retraining
from webapp.annotation.services import measuring, retraining
from webapp.annotation.services.blindness import unrated_for
from webapp.annotation.services.retraining import Changes
from webapp.annotation.views.access import person_of, queue_or_404
from webapp.experiments.page import Fact
from webapp.render import HtmxHttpRequest, render_page
from webapp.training.models import Snapshot
from webapp.training.page import run_row

VIEW, TRAIN = "training.view_snapshot", "training.train"
LARGEST_MOVES = 20
MOST_STEPS = 100_000
PRESET_NAMES = [name for name, stages in PRESETS.items() if "reward_model" in stages]


class RetrainForm(forms.Form):
    """What the new snapshot and run are called, and how they are trained."""

    name = forms.CharField(max_length=100)
    preset = forms.ChoiceField(choices=[(name, name) for name in PRESET_NAMES])
    max_steps = forms.IntegerField(required=False, min_value=1, max_value=MOST_STEPS)


@require_GET
@permission_required(VIEW, raise_exception=True)
def snapshot_effect(request: HtmxHttpRequest, snapshot_id: int) -> HttpResponse:
    """What people changed in a snapshot, and what a small head makes of it."""
    snapshot = get_object_or_404(Snapshot, pk=snapshot_id)
    row = measuring.newest(Measurement.Kind.EFFECT, snapshot=snapshot)
    found = retraining.changes_by_people(snapshot)
    context = {
        "current_section": "training",
        "snapshot": snapshot,
        "facts": change_facts(found, "the automatic ratings"),
        "changes": _change_rows(found, request),
        "work": row,
        "figures": _auc_rows(row.result, WITH_PEOPLE) if row else [],
        "moves": _moves(row, snapshot, request) if row else [],
    }
    return render_page(request, "annotation/effect.html", context, partials=["refit"])


@require_POST
@permission_required(TRAIN, raise_exception=True)
def effect_ask(request: HttpRequest, snapshot_id: int) -> HttpResponse:
    """Have the refit worked out."""
    snapshot = get_object_or_404(Snapshot, pk=snapshot_id)
    measuring.ask(Measurement.Kind.EFFECT, snapshot=snapshot, asked_by=person_of(request))
    return redirect("annotation:effect", snapshot.pk)


@require_POST
@permission_required(TRAIN, raise_exception=True)
def queue_retrain(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Freeze the queue's ratings and start a reward model."""
    queue = queue_or_404(queue_id)
    form = RetrainForm(request.POST)
    if not form.is_valid():
        messages.error(request, "The retraining needs a name, a preset and at least one step.")
        return redirect("annotation:queue", queue.pk)
    try:
        retraining.check_name(form.cleaned_data["name"])
        made = retraining.retrain(queue, person_of(request), **form.cleaned_data)
    except InvalidInput as error:
        messages.error(request, str(error))
        return redirect("annotation:queue", queue.pk)
    return redirect("annotation:retraining", made.pk)


@require_GET
@permission_required(VIEW, raise_exception=True)
def retraining_detail(request: HtmxHttpRequest, retraining_id: int) -> HttpResponse:
    """Before and after: the ratings, and the two reward models."""
    rows = Retraining.objects.select_related(
        "queue",
        "snapshot",
        "earlier",
        "run__owner",
        "run__snapshot",
        "run__adapter",
    )
    made = get_object_or_404(rows, pk=retraining_id)
    before = retraining.snapshot_before(made)
    found = (
        retraining.changes_since(made.snapshot, before)
        if before
        else retraining.changes_by_people(made.snapshot)
    )
    row = measuring.newest(Measurement.Kind.RETRAINING, snapshot=made.snapshot)
    context = {
        "current_section": "annotation",
        "made": made,
        "run": run_row(made.run),
        "before": before,
        "when": present.moment(made.made_at),
        "facts": change_facts(found, before.name if before else "the automatic ratings"),
        "changes": _change_rows(found, request),
        "work": row,
        "figures": _auc_rows(row.result, BEFORE_AFTER) if row else [],
        "moves": _moves(row, made.snapshot, request) if row else [],
        "moving": made.run.is_moving or (row is not None and row.is_moving),
    }
    return render_page(request, "annotation/retraining.html", context, partials=["compared"])


@require_POST
@permission_required(TRAIN, raise_exception=True)
def retraining_compare(request: HttpRequest, retraining_id: int) -> HttpResponse:
    """Have both reward models read the held-out tasks."""
    made = get_object_or_404(Retraining.objects.select_related("run__adapter"), pk=retraining_id)
    if made.run.adapter is None:
        messages.warning(request, "The reward model is not trained yet.")
    else:
        measuring.ask(
            Measurement.Kind.RETRAINING,
            adapter=made.run.adapter,
            earlier=made.earlier,
            snapshot=made.snapshot,
            asked_by=person_of(request),
        )
    return redirect("annotation:retraining", made.pk)


@require_POST
@permission_required(TRAIN, raise_exception=True)
def score_all(request: HttpRequest, adapter_id: int) -> HttpResponse:
    """Have a reward model read every reflection that it has not read."""
    adapter = get_object_or_404(Adapter.objects.reward_models(), pk=adapter_id)
    measuring.ask(Measurement.Kind.SCORES, adapter=adapter, asked_by=person_of(request))
    messages.success(request, f"{adapter} reads the reflections; the scores appear as they come.")
    return redirect("annotation:list")


WITH_PEOPLE = {
    "without": "Taught by automatic ratings",
    "with": "Taught by effective ratings",
    "trial": "The trial number alone",
    "gain": "Gain by people",
}
BEFORE_AFTER = {"before": "Reward model before", "after": "Reward model after", "gain": "Gain"}


def change_facts(found: Changes, before: str) -> list[Fact]:
    """The strip of numbers: how many ratings and signs people changed."""
    share = [n / found.compared if found.compared else None for n in _above(found)]
    return [
        Fact("Ratings compared", present.count(found.compared), note=f"with {before}"),
        Fact("Changed", present.count(found.changed)),
        Fact("Sign flipped", present.count(found.flipped), note="above 0 or not"),
        Fact("Above 0 before", present.percent(share[0]), note=f"{found.above_before} reflections"),
        Fact("Above 0 now", present.percent(share[1]), note=f"{found.above_after} reflections"),
    ]


def _above(found: Changes) -> tuple[int, int]:
    return found.above_before, found.above_after


def _change_rows(found: Changes, request: HttpRequest) -> list[dict[str, Any]]:
    items = [change.item.reflection_id or 0 for change in found.largest]
    hidden = unrated_for(person_of(request), items)
    return [
        {
            "item": change.item,
            "text": present.clip(change.item.text, 120).text,
            "before": present.signed(change.before),
            "before_class": present.rating_class(change.before),
            "after": present.signed(change.after),
            "after_class": present.rating_class(change.after),
        }
        for change in found.largest
        if change.item.reflection_id not in hidden
    ]


def _auc_rows(result: dict[str, Any], names: dict[str, str]) -> list[dict[str, str]]:
    rows = []
    for key, label in names.items():
        figure = result.get(key) or {}
        words = present.signed if key == "gain" else present.decimal
        low, high = figure.get("low"), figure.get("high")
        if key in result:
            interval = f"{words(low)} to {words(high)}" if low is not None else ""
            rows.append({"label": label, "mean": words(figure.get("mean")), "interval": interval})
    return rows


def _moves(row: Measurement, snapshot: Snapshot, request: HttpRequest) -> list[dict[str, Any]]:
    found = row.result.get("moves", [])[:LARGEST_MOVES]
    positions = [move["key"] for move in found]
    items = {
        item.position: item
        for item in snapshot.items.filter(position__in=positions).defer("prompt")
    }
    hidden = unrated_for(person_of(request), [item.reflection_id or 0 for item in items.values()])
    return [
        {
            "item": items[move["key"]],
            "text": present.clip(items[move["key"]].text, 120).text,
            "before": present.percent(move["before"]),
            "after": present.percent(move["after"]),
            "up": move["after"] > move["before"],
            "rating": present.signed(items[move["key"]].rating),
            "rating_class": present.rating_class(items[move["key"]].rating),
        }
        for move in found
        if move["key"] in items and items[move["key"]].reflection_id not in hidden
    ]
