import csv
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from webapp.experiments import compared
from webapp.experiments.comparison import FEWEST, MOST, compare
from webapp.experiments.differences import changed_settings
from webapp.experiments.drawn import CSV_COLUMNS, csv_rows
from webapp.experiments.figures import return_figure, success_figure
from webapp.experiments.models import Experiment
from webapp.keyset import whole_number

FLIPS_SHOWN = 100
MOST_TRIALS = 32_767


@require_GET
@permission_required("experiments.view_experiment", raise_exception=True)
def experiment_compare(request: HttpRequest) -> HttpResponse:
    ids = _asked_ids(request)
    context: dict[str, Any] = {"current_section": "experiments", "asked": len(ids), "most": MOST}
    if not FEWEST <= len(ids) <= MOST:
        status = 400 if len(ids) > MOST else 200
        return render(request, "experiments/compare.html", context, status=status)
    return render(request, "experiments/compare.html", context | _context(request, ids))


@require_GET
@permission_required("experiments.view_experiment", raise_exception=True)
def compare_csv(request: HttpRequest) -> HttpResponse:
    ids = _asked_ids(request)
    if not FEWEST <= len(ids) <= MOST:
        return HttpResponse(f"Name {FEWEST} to {MOST} experiments.", status=400)
    comparison = compare(_experiments(ids), _asked_trial(request))
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="compared-curves.csv"'
    writer = csv.writer(response)
    writer.writerow(CSV_COLUMNS)
    writer.writerows(csv_rows(compared.series_of(comparison)))
    return response


def _context(request: HttpRequest, ids: list[int]) -> dict[str, Any]:
    experiments = _experiments(ids)
    chosen = _asked_trial(request)
    comparison = compare(experiments, chosen)
    series = compared.series_of(comparison)
    flip, other = request.GET.get("flip", ""), whole_number(request.GET.get("of"))
    first = min(whole_number(request.GET.get("from")) or 0, 10**6)
    return {
        "comparison": comparison,
        "ids": ",".join(map(str, ids)),
        "chosen_trial": chosen,
        "trials": range(1, comparison.trials + 1),
        "rows": compared.contender_rows(comparison, chosen),
        "pairs": compared.pair_rows(comparison, chosen, (flip, other) if other else None),
        "changed": changed_settings(experiments),
        "opened": compared.open_flip(comparison, flip, other, first, FLIPS_SHOWN),
        "flip": flip,
        "of": other,
        "figures": {"success": success_figure(series), "return": return_figure(series)},
    }


def _asked_ids(request: HttpRequest) -> list[int]:
    """Ids from `ids=1,2` and from `ids=1&ids=2`, each once, in order; anything else is no id."""
    parts = ",".join(request.GET.getlist("ids")).split(",")
    numbers = [whole_number(part.strip()) for part in parts]
    return list(dict.fromkeys(number for number in numbers if number is not None))


def _asked_trial(request: HttpRequest) -> int:
    return min(whole_number(request.GET.get("trial")) or 0, MOST_TRIALS)


def _experiments(ids: list[int]) -> list[Experiment]:
    """The experiments in the order asked for. Raises Http404 if one is missing."""
    found = Experiment.objects.select_related("task_set").in_bulk(ids)
    if len(found) < len(ids):
        raise Http404
    return [found[pk] for pk in ids]
