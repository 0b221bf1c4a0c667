from django.contrib.auth.decorators import permission_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from retro_core.envs.base import registered
from webapp import present
from webapp.keyset import page_of, whole_number
from webapp.render import HtmxHttpRequest, render_page
from webapp.tasks.models import TaskSet

PAGE_SIZE = 50
TASKS_SHOWN = 100
MOST_TASKS = 1_000_000
GOAL_SHOWN = 220


@require_GET
@permission_required("tasks.view_taskset", raise_exception=True)
def task_set_list(request: HtmxHttpRequest) -> HttpResponse:
    page = page_of(TaskSet.objects.all(), request.GET, PAGE_SIZE)
    sizes = dict(
        TaskSet.objects.filter(pk__in=[row.pk for row in page.rows]).values_list(
            "pk", Count("members")
        )
    )
    rows = [
        {
            "task_set": task_set,
            "size": present.count(sizes[task_set.pk]),
            "created": present.moment(task_set.created_at),
        }
        for task_set in page.rows
    ]
    context = {"current_section": "tasks", "rows": rows, "page": page}
    return render_page(request, "tasks/list.html", context, partials=["task-sets"])


@require_GET
@permission_required("tasks.view_taskset", raise_exception=True)
def task_set_detail(request: HttpRequest, task_set_id: int) -> HttpResponse:
    task_set = get_object_or_404(TaskSet, pk=task_set_id)
    first = min(whole_number(request.GET.get("from")) or 0, MOST_TASKS)
    members = task_set.members.select_related("task").defer("task__payload")
    window = members.filter(position__gte=first).order_by("position")
    found = list(window[: TASKS_SHOWN + 1])
    rows = [
        {
            "number": member.position + 1,
            "task": member.task,
            "goal": present.clip(member.task.goal, GOAL_SHOWN),
        }
        for member in found[:TASKS_SHOWN]
    ]
    context = {
        "current_section": "tasks",
        "task_set": task_set,
        "created": present.moment(task_set.created_at),
        "size": present.count(task_set.members.count()),
        "rows": rows,
        "first": first,
        "next": found[TASKS_SHOWN].position if len(found) > TASKS_SHOWN else None,
        "playable": _is_playable(task_set.environment),
        "experiments": task_set.experiments.unarchived().order_by("-pk")[:10],
    }
    return render(request, "tasks/detail.html", context)


def _is_playable(environment: str) -> bool:
    spec = registered().get(environment)
    return spec is not None and not spec.missing()
