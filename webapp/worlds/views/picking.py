from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from retro_core.envs.base import registered
from retro_core.errors import EndpointRefused, EndpointUnavailable, InvalidInput
from webapp import present
from webapp.keyset import whole_number
from webapp.tasks.models import TaskSet
from webapp.worlds.forms import NewTasksForm
from webapp.worlds.page import task_rows
from webapp.worlds.services.hand_play import begin
from webapp.worlds.views.cards import card_page, spec_or_404

TASKS_SHOWN = 50
MOST_TASKS = 1_000_000


@require_GET
@permission_required("worlds.add_handtrial", raise_exception=True)
def hand_tasks(request: HttpRequest, task_set_id: int) -> HttpResponse:
    task_set = get_object_or_404(TaskSet, pk=task_set_id)
    first = min(whole_number(request.GET.get("from")) or 0, MOST_TASKS)
    assert isinstance(request.user, User)
    rows, more_from = task_rows(request.user, task_set, first, TASKS_SHOWN)
    context = {
        "current_section": "worlds",
        "task_set": task_set,
        "spec": registered().get(task_set.environment),
        "size": present.count(task_set.members.count()),
        "rows": rows,
        "first": first,
        "next": more_from,
    }
    return render(request, "worlds/tasks.html", context)


@require_POST
@permission_required("worlds.add_handtrial", raise_exception=True)
def hand_begin(request: HttpRequest, task_set_id: int) -> HttpResponse:
    task_set = get_object_or_404(TaskSet, pk=task_set_id)
    assert isinstance(request.user, User)
    try:
        begun = begin(request.user, task_set, whole_number(request.POST.get("task")) or 0)
    except (InvalidInput, EndpointUnavailable, EndpointRefused) as error:
        messages.error(request, str(error))
        return redirect("worlds:tasks", task_set.pk)
    return redirect("worlds:trial", begun.pk)


@require_POST
@permission_required("worlds.add_handtrial", raise_exception=True)
def hand_new_tasks(request: HttpRequest, name: str) -> HttpResponse:
    form = NewTasksForm(spec_or_404(name), request.POST)
    if form.is_valid():
        try:
            return redirect("worlds:tasks", form.save().pk)
        except InvalidInput as error:
            form.add_error(None, str(error))
    return card_page(request, form, status=422)
