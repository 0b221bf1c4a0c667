from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from retro_core.envs.base import registered
from retro_core.errors import InvalidInput
from webapp.experiments.forms import METHODS, ExperimentForm, fresh_values
from webapp.experiments.models import Experiment
from webapp.experiments.services import clone_values, start
from webapp.keyset import whole_number
from webapp.setting_fields import flat
from webapp.tasks.models import TaskSet


@require_http_methods(["GET", "POST"])
@permission_required("experiments.add_experiment", raise_exception=True)
def experiment_new(request: HttpRequest) -> HttpResponse:
    sent = request.POST if request.method == "POST" else None
    form = ExperimentForm(sent, initial=_initial(request))
    if form.is_valid():
        assert isinstance(request.user, User)
        experiment = form.save(request.user)
        if experiment is not None:
            _start(request, experiment)
            return redirect("experiments:detail", experiment.pk)
    context = {
        "current_section": "experiments",
        "form": form,
        "methods": METHODS,
        "worlds": [spec for spec in registered().values() if not spec.missing()],
        "world": _world(request),
    }
    status = 422 if form.is_bound else 200
    return render(request, "experiments/new.html", context, status=status)


def _initial(request: HttpRequest) -> dict[str, Any]:
    clone = whole_number(request.GET.get("clone"))
    if clone is None:
        return _fresh(request)
    original = get_object_or_404(Experiment.objects.select_related("task_set"), pk=clone)
    try:
        values = clone_values(original)
    except InvalidInput as error:
        messages.warning(request, f"{original.name} cannot be cloned: {error}")
        return fresh_values()
    return fresh_values() | {"tasks_from": "existing"} | flat(values.pop("config")) | values


def _fresh(request: HttpRequest) -> dict[str, Any]:
    """Proposed values for the task set or the world that the address names."""
    asked = TaskSet.objects.filter(pk=whole_number(request.GET.get("tasks")) or 0).first()
    if asked is None:
        return fresh_values(_world(request))
    return fresh_values(asked.environment) | {"task_set": asked}


def _world(request: HttpRequest) -> str:
    asked = request.GET.get("world", "")
    return asked if asked in registered() else ""


def _start(request: HttpRequest, experiment: Experiment) -> None:
    if "start" in request.POST and request.user.has_perm("experiments.run_experiment"):
        start(experiment.pk)
