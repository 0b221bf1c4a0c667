import csv
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from webapp.experiments.beside import drawing_of
from webapp.experiments.curves import curve_as_json
from webapp.experiments.drawn import CSV_COLUMNS, csv_rows
from webapp.experiments.models import Experiment


@require_GET
@permission_required("experiments.view_experiment", raise_exception=True)
def curve_csv(request: HttpRequest, experiment_id: int) -> HttpResponse:
    experiment = get_object_or_404(Experiment, pk=experiment_id)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = _attachment(experiment, "curve.csv")
    writer = csv.writer(response)
    drawing = drawing_of(experiment)
    asked = request.GET.get("show", "").split(",")
    beside = [one for one in [*drawing.runs, *drawing.controls] if one.kind in asked]
    references = drawing.references if "reference" in asked else []
    writer.writerow(CSV_COLUMNS)
    writer.writerows(csv_rows([drawing.own, *beside], references))
    return response


@require_GET
@permission_required("experiments.view_experiment", raise_exception=True)
def experiment_export(request: HttpRequest, experiment_id: int) -> HttpResponse:
    rows = Experiment.objects.select_related("task_set", "owner")
    experiment = get_object_or_404(rows, pk=experiment_id)
    response = JsonResponse(_as_json(experiment), json_dumps_params={"indent": 1})
    response["Content-Disposition"] = _attachment(experiment, "experiment.json")
    return response


def _as_json(experiment: Experiment) -> dict[str, Any]:
    outcomes = experiment.episodes.order_by("task_id", "trial").values(
        "task__key", "trial", "success", "episode_return", "step_count", "truncation_reason"
    )
    return {
        "name": experiment.name,
        "environment": experiment.environment,
        "task_set": experiment.task_set.name,
        "method": experiment.method,
        "actor_model": experiment.actor_model,
        "adapter": experiment.adapter,
        "trials": experiment.trials,
        "seed": experiment.seed,
        "status": experiment.status,
        "code_version": experiment.code_version,
        "created_at": experiment.created_at.isoformat(),
        "config": experiment.config,
        "curve": curve_as_json(experiment),
        "episodes": list(outcomes),
    }


def _attachment(experiment: Experiment, ending: str) -> str:
    name = slugify(experiment.name) or f"experiment-{experiment.pk}"
    return f'attachment; filename="{name}-{ending}"'
