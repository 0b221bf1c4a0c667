from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from webapp.episodes.atlas import atlas
from webapp.episodes.episode_rows import episode_rows
from webapp.episodes.failures import KINDS
from webapp.episodes.scope import SORTS, EpisodeFilter, Scope, choices_of
from webapp.experiments.models import Experiment
from webapp.keyset import page_by, page_of
from webapp.render import HtmxHttpRequest, render_page

PAGE_SIZE = 50


@require_GET
@permission_required("episodes.view_episode", raise_exception=True)
def episode_list(request: HtmxHttpRequest) -> HttpResponse:
    filters = EpisodeFilter(request.GET)
    rows = filters.episodes().select_related("task", "experiment")
    rows = rows.defer("task__payload", "experiment__config", "final_answer")
    if filters.order:
        page = page_by(rows, request.GET, filters.order, PAGE_SIZE)
    else:
        page = page_of(rows, request.GET, PAGE_SIZE)
    context = {
        "current_section": "atlas",
        "rows": episode_rows(page.rows),
        "page": page,
        "filters": filters,
        "chosen": filters.chosen,
        "choices": choices_of(filters),
        "kinds": KINDS.values(),
        "kind": KINDS.get(filters.chosen.get("kind", "")),
        "sorts": [(name, words) for name, (words, _) in SORTS.items()],
        "experiment": _experiment(filters),
        "atlas_address": Scope(request.GET).address(),
    }
    return render_page(request, "episodes/list.html", context, partials=["episodes"])


@require_GET
@permission_required("episodes.view_episode", raise_exception=True)
def failure_atlas(request: HtmxHttpRequest) -> HttpResponse:
    """What goes wrong, counted; each number leads to its episodes."""
    scope = Scope(request.GET)
    context = {
        "current_section": "atlas",
        "atlas": atlas(scope),
        "kinds": KINDS.values(),
        "scope": scope,
        "chosen": scope.chosen,
        "choices": choices_of(scope),
        "experiment": _experiment(scope),
    }
    return render_page(request, "atlas/atlas.html", context, partials=["atlas"])


def _experiment(scope: Scope) -> Experiment | None:
    pk = scope.chosen.get("experiment")
    return Experiment.objects.only("name").filter(pk=pk).first() if pk else None
