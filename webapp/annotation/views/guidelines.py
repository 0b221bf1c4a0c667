"""Guidelines of a queue: each version has its page, and a new one is written over the newest."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from retro_core.errors import InvalidInput
from webapp import present
from webapp.annotation.markdown import as_html
from webapp.annotation.models import Guidelines, Queue
from webapp.annotation.queue_forms import MOST_GUIDELINES
from webapp.annotation.services import making
from webapp.annotation.views.access import person_of, queue_or_404
from webapp.keyset import whole_number

VIEW, CHANGE = "annotation.view_guidelines", "annotation.change_queue"
VERSIONS_SHOWN = 100
TOO_LONG = f"Guidelines of at most {MOST_GUIDELINES:,} characters, please."


@require_GET
@permission_required(VIEW, raise_exception=True)
def guidelines_version(request: HttpRequest, queue_id: int, version: int) -> HttpResponse:
    queue = queue_or_404(queue_id)
    shown = get_object_or_404(queue.guidelines.select_related("author"), version=version)
    return render(request, "annotation/guidelines.html", _context(queue, shown))


@require_POST
@permission_required(CHANGE, raise_exception=True)
def guidelines_write(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Add a version; what cannot be taken is shown again beside the newest."""
    queue = queue_or_404(queue_id)
    text = request.POST.get("text", "").replace("\0", "").replace("\r\n", "\n")
    if len(text) > MOST_GUIDELINES:
        return _refused(request, queue, text, TOO_LONG, status=422)
    seen = whole_number(request.POST.get("seen")) or 0
    try:
        making.write_guidelines(queue, person_of(request), text, seen=seen)
    except InvalidInput as error:
        return _refused(request, queue, text, str(error), status=409)
    return redirect("annotation:queue", queue.pk)


def _refused(
    request: HttpRequest, queue: Queue, text: str, words: str, status: int
) -> HttpResponse:
    messages.error(request, words)
    newest = queue.guidelines.select_related("author").first()
    context = _context(queue, newest) | {"typed": text, "refused": True}
    return render(request, "annotation/guidelines.html", context, status=status)


def _context(queue: Queue, shown: Guidelines | None) -> dict[str, object]:
    versions = queue.guidelines.select_related("author").defer("text")[:VERSIONS_SHOWN]
    newest = versions[0].version if versions else 0
    return {
        "current_section": "annotation",
        "queue": queue,
        "shown": shown,
        "html": as_html(shown.text) if shown else "",
        "written": present.moment(shown.written_at) if shown else None,
        "versions": [(one, present.moment(one.written_at)) for one in versions],
        "newest": newest,
        "is_newest": shown is None or shown.version == newest,
        "typed": shown.text if shown else "",
        "most_guidelines": MOST_GUIDELINES,
    }
