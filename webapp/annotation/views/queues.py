from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp import present
from webapp.adapters.models import Adapter
from webapp.annotation.markdown import as_html
from webapp.annotation.models import Assignment, Queue, QueueItem
from webapp.annotation.queue_forms import MOST_GUIDELINES, ChangeForm, QueueForm
from webapp.annotation.rows import queue_rows, sources_of
from webapp.annotation.services import claims, making
from webapp.annotation.services.deciding import disputed_items
from webapp.annotation.views.access import person_of, queue_or_404
from webapp.annotation.views.annotate import just_submitted
from webapp.annotation.views.counterfactuals import AskForm
from webapp.annotation.views.effects import PRESET_NAMES
from webapp.keyset import page_of
from webapp.render import HtmxHttpRequest, render_page
from webapp.training.services.specs import DEFAULT_PRESET

PAGE_SIZE = 25
VIEW, CHANGE = "annotation.view_queue", "annotation.change_queue"
ACTS = {"close": making.close, "reopen": making.reopen}


@require_GET
@permission_required(VIEW, raise_exception=True)
def queue_list(request: HtmxHttpRequest) -> HttpResponse:
    page = page_of(Queue.objects.select_related("owner"), request.GET, PAGE_SIZE)
    workable = Queue.objects.workable_by(person_of(request))
    rows = sorted(
        queue_rows(page.rows), key=lambda row: (not row.queue.is_open, -row.queue.priority)
    )
    context = {
        "current_section": "annotation",
        "rows": rows,
        "page": page,
        "reward_models": Adapter.objects.reward_models()[:1],
        "workable": set(workable.values_list("pk", flat=True)),
    }
    return render_page(request, "annotation/list.html", context, partials=["queues"])


@require_http_methods(["GET", "POST"])
@permission_required("annotation.add_queue", raise_exception=True)
def queue_new(request: HttpRequest) -> HttpResponse:
    form = QueueForm(request.POST or None)
    if form.is_valid() and (queue := form.save(person_of(request))):
        messages.success(request, f"{queue.items.count():,} items wait in {queue.name}.")
        return redirect("annotation:queue", queue.pk)
    context = {"current_section": "annotation", "form": form}
    return render(request, "annotation/new.html", context, status=422 if form.is_bound else 200)


@require_GET
@permission_required(VIEW, raise_exception=True)
def queue_detail(request: HtmxHttpRequest, queue_id: int) -> HttpResponse:
    return _render_detail(request, queue_or_404(queue_id))


def _render_detail(
    request: HtmxHttpRequest, queue: Queue, form: ChangeForm | None = None
) -> HttpResponse:
    person = person_of(request)
    page = page_of(_items(queue), request.GET, PAGE_SIZE)
    guidelines = queue.guidelines.first()
    workable = claims.may_work(queue, person)
    leads = person.has_perm("annotation.view_response")
    context = {
        "current_section": "annotation",
        "queue": queue,
        "row": queue_rows([queue])[0],
        "page": page,
        "items": [_item_row(item) for item in page.rows],
        "sources": sources_of(queue),
        "people": _people(queue),
        "guidelines": guidelines,
        "guidelines_html": as_html(guidelines.text) if guidelines else "",
        "form": form or ChangeForm(queue, initial=_terms(queue)),
        "workable": workable,
        "waiting": claims.waiting_for(queue, person.pk) if workable else 0,
        "disputed": disputed_items(queue.pk).count(),
        "submitted": just_submitted(request),
        "sees_values": leads,
        "replays": AskForm(),
        "sees_automatic": leads or queue.shows_automatic,
        "most_guidelines": MOST_GUIDELINES,
    }
    if person.has_perm("training.train"):
        context |= _retraining(queue)
    status = 422 if form else 200
    partials = ["progress", "items"]
    return render_page(request, "annotation/queue.html", context, partials=partials, status=status)


def _retraining(queue: Queue) -> dict[str, Any]:
    """What the queue's answers were trained on before, and the form that trains on them now."""
    made = queue.retrainings.select_related("snapshot", "run").order_by("-pk")[:5]
    return {
        "retrainings": made,
        "retrain_name": f"{queue.name} {queue.retrainings.count() + 1}"[:100],
        "presets": PRESET_NAMES,
        "default_preset": DEFAULT_PRESET,
    }


def _items(queue: Queue) -> Any:  # a query set with counts
    rows = QueueItem.objects.filter(queue=queue).with_done()
    return rows.select_related("reflection__episode__task").defer(
        "reflection__prompt", "reflection__episode__task__payload"
    )


def _item_row(item: Any) -> dict[str, Any]:  # an item with its count of answers
    reflection = item.reflection
    return {
        "item": item,
        "done": item.done,
        "text": present.clip(reflection.text, 160).text,
        "task": reflection.episode.task.key,
        "trial": reflection.episode.trial,
        "automatic": present.signed(reflection.automatic_rating),
        "automatic_class": present.rating_class(reflection.automatic_rating),
        "effective": present.signed(reflection.effective_rating),
        "effective_class": present.rating_class(reflection.effective_rating),
    }


def _people(queue: Queue) -> list[tuple[str, int, int]]:
    """Each person with answers given and items open."""
    counts: dict[str, list[int]] = {name: [0, 0] for name in _named(queue)}
    rows = Assignment.objects.filter(item__queue=queue).held()
    for name, state in rows.values_list("person__username", "state"):
        counts.setdefault(name, [0, 0])[state == Assignment.State.OPEN] += 1
    return [(name, done, begun) for name, (done, begun) in sorted(counts.items())]


def _named(queue: Queue) -> list[str]:
    return list(queue.people.values_list("username", flat=True))


def _terms(queue: Queue) -> dict[str, Any]:
    names = (
        *("overlap", "priority", "deadline", "blind"),
        *("shows_automatic", "shows_gold", "scored_by"),
    )
    return {name: getattr(queue, name) for name in names} | {"people": queue.people.all()}


@require_POST
@permission_required(CHANGE, raise_exception=True)
def queue_change(request: HtmxHttpRequest, queue_id: int) -> HttpResponse:
    queue = queue_or_404(queue_id)
    form = ChangeForm(queue, request.POST)
    if not form.is_valid():
        return _render_detail(request, queue, form)
    form.save()
    messages.success(request, "The queue's terms are changed.")
    return redirect("annotation:queue", queue.pk)


@require_POST
@permission_required(CHANGE, raise_exception=True)
def queue_act(request: HttpRequest, queue_id: int, action: str) -> HttpResponse:
    if action not in ACTS:
        raise Http404
    queue = get_object_or_404(Queue, pk=queue_id)
    if not ACTS[action](queue.pk):
        messages.warning(request, "Nothing changed: somebody did that already.")
    return redirect("annotation:queue", queue.pk)
