from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from retro_core.envs.base import EnvSpec, broken, registered
from retro_core.errors import EndpointRefused, EndpointUnavailable, InvalidInput
from webapp.tasks.models import TaskSet
from webapp.worlds.forms import NewTasksForm
from webapp.worlds.page import sample, world_rows

TASK_SETS_SHOWN = 20


def spec_or_404(name: str) -> EnvSpec:
    """An installed environment by name."""
    specs = registered()
    if name not in specs:
        raise Http404
    return specs[name]


@require_GET
@permission_required("tasks.view_taskset", raise_exception=True)
def world_list(request: HttpRequest) -> HttpResponse:
    rows = world_rows(registered().values())
    context = {"current_section": "worlds", "rows": rows, "broken": broken()}
    return render(request, "worlds/list.html", context)


@require_GET
@permission_required("tasks.view_taskset", raise_exception=True)
def world_card(request: HttpRequest, name: str) -> HttpResponse:
    return card_page(request, NewTasksForm(spec_or_404(name)))


def card_page(request: HttpRequest, form: NewTasksForm, status: int = 200) -> HttpResponse:
    """The card of a world, with the form for new tasks to play."""
    spec = form.spec
    task_sets = TaskSet.objects.filter(environment=spec.name).order_by("-pk")
    context = {
        "current_section": "worlds",
        "spec": spec,
        "missing": spec.missing(),
        "task_sets": task_sets[:TASK_SETS_SHOWN],
        "form": form,
    }
    if not context["missing"]:
        try:
            context["sample"] = sample(spec.name)
        except (InvalidInput, EndpointUnavailable, EndpointRefused) as error:
            context["trouble"] = str(error)
    return render(request, "worlds/card.html", context, status=status)
