from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from webapp import present
from webapp.experiments.page import SettingRow
from webapp.keyset import page_of, whole_number
from webapp.render import HtmxHttpRequest, asked_partial, render_page
from webapp.training import page as words
from webapp.training.drawn import curve_names
from webapp.training.figures import (
    compared_figures,
    meanings_of,
    overlaid_figure,
    points_of,
    run_figures,
)
from webapp.training.models import DrawnCurve, Pipeline, TrainingRun
from webapp.training.services import runs as services
from webapp.training.services.specs import changes, flattened

PAGE_SIZE = 40
PARTS = ("live", "curves", "samples")
ACTIONS = {
    "stop": services.stop,
    "resume": services.resume,
    "delete": services.delete,
    "restore": services.restore,
}
MOST_RUNS = 50
SHOWN_WITH = ("owner", "snapshot", "adapter", "parent", "reward_model", "pipeline")
LARGEST_STEP = 2**31 - 1


@require_GET
@permission_required("training.view_trainingrun", raise_exception=True)
def run_list(request: HtmxHttpRequest) -> HttpResponse:
    runs = TrainingRun.objects.undeleted().select_related("owner", "snapshot", "adapter")
    page = page_of(runs, request.GET, PAGE_SIZE)
    context = {
        "current_section": "training",
        "rows": words.run_rows(page.rows),
        "page": page,
        "any_moving": any(run.is_at_work for run in page.rows),
        "address": request.get_full_path(),
    }
    return render_page(request, "training/list.html", context, partials=["runs"])


@require_GET
@permission_required("training.view_trainingrun", raise_exception=True)
def run_detail(request: HtmxHttpRequest, run_id: int) -> HttpResponse:
    run = get_object_or_404(TrainingRun.objects.select_related(*SHOWN_WITH), pk=run_id)
    part = asked_partial(request, PARTS)
    context: dict[str, Any] = {"current_section": "training", "run": run}
    if part in ("", "live"):
        context |= _live(run)
        if part and request.GET.get("cursor") == context["cursor"]:
            return HttpResponse(status=204)
    if part in ("", "curves"):
        figures, newest = run_figures(run)
        context |= {"figures": figures, "newest": newest, "meanings": meanings_of(figures)}
    if part in ("", "samples"):
        context |= _samples(run, request.GET.get("step"))
    if not part:
        context["settings"] = _settings(run)
    return render_page(request, "training/detail.html", context, partials=PARTS)


@require_GET
@permission_required("training.view_trainingrun", raise_exception=True)
def run_points(request: HttpRequest, run_id: int) -> JsonResponse:
    """The figures that came after `?after=`: only new points travel."""
    run = get_object_or_404(TrainingRun, pk=run_id)
    points, newest = points_of(run, whole_number(request.GET.get("after")) or 0)
    return JsonResponse({"points": points, "newest": newest, "moving": run.is_moving})


@require_POST
@permission_required("training.train", raise_exception=True)
def run_act(request: HttpRequest, run_id: int, action: str) -> HttpResponse:
    if action not in ACTIONS:
        raise Http404
    run = get_object_or_404(TrainingRun, pk=run_id)
    if not ACTIONS[action](run.pk):
        run.refresh_from_db()
        messages.warning(
            request, f"Nothing changed: {action} does not apply while it is {run.shown_status}."
        )
    return redirect("training:detail", run.pk)


@require_GET
@permission_required("training.view_trainingrun", raise_exception=True)
def run_compare(request: HttpRequest) -> HttpResponse:
    asked = [whole_number(request.GET.get(name)) for name in ("a", "b")]
    found = TrainingRun.objects.select_related(*SHOWN_WITH).in_bulk([pk for pk in asked if pk])
    runs = [found[pk] for pk in asked if pk in found]
    context: dict[str, Any] = {
        "current_section": "training",
        "choices": TrainingRun.objects.undeleted().order_by("-pk").values_list("pk", "name")[:200],
        "asked": asked,
        "runs": words.run_rows(runs),
    }
    if len(runs) == 2:
        figures = compared_figures(runs)
        context |= {
            "figures": figures,
            "meanings": meanings_of(figures),
            "differences": words.shown_changes(changes(runs[0].spec, runs[1].spec)),
            "pairs": _sample_pairs(*runs),
        }
    return render(request, "training/compare.html", context)


@require_GET
@permission_required("training.view_trainingrun", raise_exception=True)
def run_curves(request: HttpRequest) -> HttpResponse:
    """One curve of many runs in one chart."""
    asked = [pk for text in request.GET.getlist("run")[:MOST_RUNS] if (pk := whole_number(text))]
    found = TrainingRun.objects.undeleted().in_bulk(asked)
    runs = [found[pk] for pk in dict.fromkeys(asked) if pk in found]
    curves = curve_names(runs[0].pk) if runs else []
    wanted = request.GET.get("curve", "")
    first = ("train", "loss") if ("train", "loss") in curves else (curves or [("", "")])[0]
    split, name = next((curve for curve in curves if " ".join(curve) == wanted), first)
    choices = TrainingRun.objects.undeleted().order_by("-pk").values_list("pk", "name")[:200]
    context: dict[str, Any] = {
        "current_section": "training",
        "choices": choices,
        "asked": {run.pk for run in runs},
        "most": MOST_RUNS,
        "points": DrawnCurve.COARSE,
        "curves": [" ".join(curve) for curve in curves],
        "curve": f"{split} {name}",
    }
    if name:
        context["figures"] = {name: overlaid_figure(runs, split, name)}
    return render(request, "training/curves.html", context)


@require_GET
@permission_required("training.view_pipeline", raise_exception=True)
def pipeline_detail(request: HtmxHttpRequest, pipeline_id: int) -> HttpResponse:
    pipeline = get_object_or_404(Pipeline.objects.select_related("snapshot"), pk=pipeline_id)
    runs = list(pipeline.runs.select_related(*SHOWN_WITH).order_by("place"))
    context = {
        "current_section": "training",
        "pipeline": pipeline,
        "created": present.moment(pipeline.created_at),
        "stages": [
            {"row": words.run_row(run), "facts": words.facts(run), "mark": words.mark(run)}
            for run in runs
        ],
        "moving": any(run.is_at_work for run in runs),
    }
    return render_page(request, "training/pipeline.html", context, partials=["stages"])


def _live(run: TrainingRun) -> dict[str, Any]:
    return {
        "row": words.run_row(run),
        "facts": words.facts(run),
        "actions": words.allowed_actions(run),
        "cursor": words.cursor(run),
        "created": present.moment(run.created_at),
    }


def _samples(run: TrainingRun, asked: str | None) -> dict[str, Any]:
    steps = words.sample_steps(run)
    wanted = min(whole_number(asked) or 0, LARGEST_STEP)
    step = wanted if wanted in steps else (steps[-1] if steps else 0)
    return {
        "steps": steps,
        "step": step,
        "step_chosen": step == wanted,
        "samples": words.sample_rows(run.samples.filter(step=step)),
    }


def _settings(run: TrainingRun) -> dict[str, list[SettingRow]]:
    groups: dict[str, list[SettingRow]] = {}
    for name, value in flattened(run.spec):
        section, _, setting = name.rpartition(".")
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        if shown:
            row = SettingRow(setting.replace("_", " "), shown, "")
            groups.setdefault(section.replace("_", " ") or "run", []).append(row)
    return groups


def _sample_pairs(first: TrainingRun, second: TrainingRun) -> list[dict[str, Any]]:
    """The newest samples of the same prompts, side by side."""
    newest: list[dict[str, Any]] = []
    for run in (first, second):
        steps = words.sample_steps(run)
        rows = run.samples.filter(step=steps[-1]) if steps else []
        newest.append({row.prompt: row for row in rows})
    shared = [prompt for prompt in newest[0] if prompt in newest[1]]
    return [
        {"prompt": prompt, "sides": words.sample_rows(side[prompt] for side in newest)}
        for prompt in shared
    ]
