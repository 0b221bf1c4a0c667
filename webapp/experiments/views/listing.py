from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from webapp.experiments.filters import ExperimentFilter
from webapp.experiments.models import Experiment
from webapp.experiments.rows import experiment_rows
from webapp.keyset import page_of
from webapp.render import HtmxHttpRequest, render_page
from webapp.tasks.models import TaskSet

PAGE_SIZE = 40


@require_GET
@permission_required("experiments.view_experiment", raise_exception=True)
def experiment_list(request: HtmxHttpRequest) -> HttpResponse:
    filters = ExperimentFilter(request.GET)
    experiments = Experiment.objects.unarchived().select_related("owner", "task_set")
    page = page_of(
        filters.narrow(experiments.prefetch_related("curve_points")), request.GET, PAGE_SIZE
    )
    environments = TaskSet.objects.order_by("environment").values_list("environment", flat=True)
    context = {
        "current_section": "experiments",
        "rows": experiment_rows(page.rows),
        "page": page,
        "filters": filters,
        "environments": list(environments.distinct()),
        "any_live": any(experiment.is_live for experiment in page.rows),
        "address": request.get_full_path(),
    }
    return render_page(request, "experiments/list.html", context, partials=["experiments"])
