from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from webapp import present
from webapp.episodes.rows import reflection_rows
from webapp.experiments import page
from webapp.experiments.beside import drawing_of
from webapp.experiments.figures import figures_script, return_figure, success_figure
from webapp.experiments.matrix import task_matrix
from webapp.experiments.models import Experiment
from webapp.experiments.progress import progress
from webapp.keyset import whole_number
from webapp.render import HtmxHttpRequest, asked_partial, render_page
from webapp.reports.page import review_panel

RECENT_REFLECTIONS = 5
MOST_TASKS = 1_000_000
PARTS = ("live", "curve", "matrix", "reflections")


@require_GET
@permission_required("experiments.view_experiment", raise_exception=True)
def experiment_detail(request: HtmxHttpRequest, experiment_id: int) -> HttpResponse:
    rows = Experiment.objects.select_related("owner", "task_set")
    experiment = get_object_or_404(rows, pk=experiment_id)
    part = asked_partial(request, PARTS)
    context: dict[str, Any] = {"current_section": "experiments", "experiment": experiment}
    if part in ("", "live"):
        context |= _live(experiment)
        if part and request.GET.get("cursor") == context["cursor"]:
            return HttpResponse(status=204)
    if part in ("", "curve"):
        context |= _curve(experiment)
    if part in ("", "matrix"):
        order, first = request.GET.get("order", ""), request.GET.get("from")
        first_task = min(whole_number(first) or 0, MOST_TASKS)
        context["matrix"] = task_matrix(experiment, order=order, first=first_task)
    if part in ("", "reflections"):
        context["reflections"] = _reflections(experiment)
    if not part:
        context |= _about(experiment)
        context["reviews"] = review_panel(experiment, request.user)
    response = render_page(request, "experiments/detail.html", context, partials=PARTS)
    if part == "live" and _episodes_seen(request) != experiment.episodes_count:
        response["HX-Trigger-After-Settle"] = "episodes-recorded"
    return response


def _episodes_seen(request: HtmxHttpRequest) -> int | None:
    _, _, rest = request.GET.get("cursor", "").partition("-")
    return whole_number(rest.split("-")[0])


def _live(experiment: Experiment) -> dict[str, Any]:
    playing = page.playing_rows(experiment)
    return {
        "actions": page.allowed_actions(experiment),
        "facts": page.live_facts(experiment, progress(experiment)),
        "playing": playing,
        "cursor": page.cursor(experiment, playing),
        "created": present.moment(experiment.created_at),
        "has_failed_tasks": bool(experiment.tasks_failed) and not experiment.is_live,
    }


def _curve(experiment: Experiment) -> dict[str, Any]:
    drawing = drawing_of(experiment)
    return {
        "drawing": drawing,
        "area": page.area_words(drawing.areas),
        "curve_rows": page.curve_table(drawing.points),
        "figures": figures_script(
            {
                "success": success_figure(drawing.series, drawing.references),
                "return": return_figure(drawing.series),
            }
        ),
    }


def _reflections(experiment: Experiment) -> list[Any]:
    rows = experiment.reflections.select_related("episode__task").defer("prompt")
    return reflection_rows(rows.order_by("-pk")[:RECENT_REFLECTIONS])


def _about(experiment: Experiment) -> dict[str, Any]:
    return {"settings": page.setting_groups(experiment.config)}
