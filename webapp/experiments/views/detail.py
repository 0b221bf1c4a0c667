from typing import Any

from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from webapp import present
from webapp.annotation.services.blindness import hide_people
from webapp.episodes.rows import reflection_rows
from webapp.experiments import live, page
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
TEMPLATE = "experiments/detail.html"
PARTS = ("tick", "live", "curve", "matrix", "reflections")


@require_GET
@permission_required("experiments.view_experiment", raise_exception=True)
def experiment_detail(request: HtmxHttpRequest, experiment_id: int) -> HttpResponse:
    rows = Experiment.objects.select_related("owner", "task_set")
    rows = rows.annotate(comments_count=Count("comments"))
    experiment = get_object_or_404(rows, pk=experiment_id)
    part = asked_partial(request, PARTS)
    context: dict[str, Any] = {"current_section": "experiments", "experiment": experiment}
    if part == "tick":
        return _tick(request, experiment, context)
    if part in ("", "live"):
        context |= _live(experiment)
    if part in ("", "curve"):
        context |= _curve(experiment)
    if part in ("", "matrix"):
        order, first = request.GET.get("order", ""), request.GET.get("from")
        first_task = min(whole_number(first) or 0, MOST_TASKS)
        context["matrix"] = task_matrix(experiment, order=order, first=first_task)
    if part in ("", "reflections"):
        context["reflections"] = _reflections(experiment, request.user)
    if not part:
        context |= _about(experiment)
        context["reviews"] = review_panel(experiment, request.user)
    return render_page(request, TEMPLATE, context, partials=PARTS)


def _tick(
    request: HtmxHttpRequest, experiment: Experiment, context: dict[str, Any]
) -> HttpResponse:
    """Nothing without news; the changed numbers; the whole live part after a change of state."""
    seen = live.Cursor.read(request.GET.get("cursor", ""))
    playing = live.playing_rows(experiment)
    now = live.Cursor.of(experiment, playing)
    if now == seen:
        return HttpResponse(status=204)
    context |= _live(experiment, playing)
    if experiment.is_live and now.same_state(seen):
        new_facts = seen is None or (now.episodes, now.trials) != (seen.episodes, seen.trials)
        context |= {"is_tick": True, "has_new_facts": new_facts}
        response = render_page(request, TEMPLATE, context, partials=PARTS)
    else:
        response = render(request, f"{TEMPLATE}#live", context)
        response["HX-Retarget"], response["HX-Reswap"] = "#live", "outerHTML"
    if events := live.news(experiment, seen, now):
        response["HX-Trigger-After-Settle"] = events
    return response


def _live(experiment: Experiment, playing: list[live.Playing] | None = None) -> dict[str, Any]:
    playing = live.playing_rows(experiment) if playing is None else playing
    return {
        "actions": page.allowed_actions(experiment),
        "facts": page.live_facts(experiment, progress(experiment)),
        "playing": playing,
        "cursor": str(live.Cursor.of(experiment, playing)),
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


def _reflections(experiment: Experiment, person: User | AnonymousUser) -> list[Any]:
    rows = experiment.reflections.select_related("episode__task").defer("prompt")
    recent = list(rows.order_by("-pk")[:RECENT_REFLECTIONS])
    hide_people(person, recent)
    return reflection_rows(recent)


def _about(experiment: Experiment) -> dict[str, Any]:
    return {"settings": page.setting_groups(experiment.config)}
