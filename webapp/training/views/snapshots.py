from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods

from webapp import present
from webapp.annotation.services.blindness import hide_people_in, unrated_for
from webapp.keyset import page_of, whole_number
from webapp.render import HtmxHttpRequest, render_page
from webapp.training import page as words
from webapp.training.forms.snapshot import SnapshotForm
from webapp.training.models import Snapshot
from webapp.training.services.dry_runs import leaks
from webapp.training.services.snapshots import stored_lines

PAGE_SIZE = 40
ITEMS_SHOWN = 50
MOST_ITEMS = 10_000_000
EXPORT_WAITS = (
    "The file holds what people said and decided, and an open queue keeps that from you for {} of"
    " its reflections. Answer those that wait for you, or ask a researcher for the file."
)


@require_GET
@permission_required("training.view_snapshot", raise_exception=True)
def snapshot_list(request: HtmxHttpRequest) -> HttpResponse:
    page = page_of(Snapshot.objects.select_related("owner"), request.GET, PAGE_SIZE)
    rows = [
        {
            "snapshot": snapshot,
            "items": present.count(snapshot.items_count),
            "train": snapshot.counts["train"],
            "validation": snapshot.counts["validation"],
            "created": present.moment(snapshot.created_at),
        }
        for snapshot in page.rows
    ]
    context = {"current_section": "training", "rows": rows, "page": page}
    return render_page(request, "training/snapshots.html", context, partials=["snapshots"])


@require_http_methods(["GET", "POST"])
@permission_required("training.add_snapshot", raise_exception=True)
def snapshot_new(request: HttpRequest) -> HttpResponse:
    form = SnapshotForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        assert isinstance(request.user, User)
        snapshot = form.save(request.user)
        if snapshot is not None:
            return redirect("training:snapshot", snapshot.pk)
    context = {"current_section": "training", "form": form}
    status = 422 if form.is_bound else 200
    return render(request, "training/snapshot_new.html", context, status=status)


@require_GET
@permission_required("training.view_snapshot", raise_exception=True)
def snapshot_detail(request: HttpRequest, snapshot_id: int) -> HttpResponse:
    snapshot = get_object_or_404(Snapshot.objects.select_related("owner"), pk=snapshot_id)
    first = min(whole_number(request.GET.get("from")) or 0, MOST_ITEMS)
    found = list(snapshot.items.filter(position__gte=first)[: ITEMS_SHOWN + 1])
    hide_people_in(request.user, found)
    items = [
        {
            "item": item,
            "rating": present.signed(item.rating),
            "rating_class": present.rating_class(item.rating),
            "text": present.clip(item.text, 400),
        }
        for item in found[:ITEMS_SHOWN]
    ]
    context = {
        "current_section": "training",
        "snapshot": snapshot,
        "facts": words.snapshot_facts(snapshot),
        "created": present.moment(snapshot.created_at),
        "leaks": leaks(snapshot),
        "items": items,
        "first": first,
        "next": found[ITEMS_SHOWN].position if len(found) > ITEMS_SHOWN else None,
        "runs": words.run_rows(snapshot.runs.select_related("owner", "snapshot", "adapter")[:10]),
    }
    return render(request, "training/snapshot.html", context)


@require_GET
@permission_required("training.view_snapshot", raise_exception=True)
def snapshot_export(request: HttpRequest, snapshot_id: int) -> StreamingHttpResponse:
    snapshot = get_object_or_404(Snapshot, pk=snapshot_id)
    by_people = snapshot.items.exclude(human_rating=None).exclude(reflection=None)
    rated = by_people.order_by().values_list("reflection", flat=True)
    # Read only for one to whom something can be hidden.
    if kept := len(unrated_for(request.user, (pk for pk in rated if pk))):
        raise PermissionDenied(EXPORT_WAITS.format(kept))
    response = StreamingHttpResponse(stored_lines(snapshot), content_type="application/jsonl")
    name = slugify(snapshot.name) or f"snapshot-{snapshot.pk}"
    response["Content-Disposition"] = f'attachment; filename="{name}.jsonl"'
    return response
