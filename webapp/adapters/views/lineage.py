from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from webapp import present
from webapp.adapters.models import Adapter
from webapp.adapters.services import lineage
from webapp.annotation.services.blindness import hide_people, hide_people_in
from webapp.keyset import page_of
from webapp.render import HtmxHttpRequest, render_page
from webapp.training.models import TrainingRun

PAGE_SIZE = 40
TEXT_SHOWN = 180


@require_GET
@permission_required("adapters.view_adapter", raise_exception=True)
def adapter_lineage(request: HtmxHttpRequest, adapter_id: int) -> HttpResponse:
    """Back to every rating and person, or with `?show=written` forward to every episode."""
    adapter = get_object_or_404(Adapter, pk=adapter_id)
    runs = lineage.runs_behind(adapter)
    forward = request.GET.get("show") == "written"
    context: dict[str, Any] = {
        "current_section": "adapters",
        "adapter": adapter,
        "runs": runs,
        "people": lineage.people_behind(lineage.items_behind(runs)),
        "forward": forward,
    }
    context |= _written(request, adapter) if forward else _learned(request, runs)
    return render_page(request, "adapters/lineage.html", context)


def _learned(request: HtmxHttpRequest, runs: list[TrainingRun]) -> dict[str, Any]:
    items = lineage.items_behind(runs).select_related("snapshot", "reflection").defer("prompt")
    page = page_of(items.defer("reflection__prompt", "reflection__text"), request.GET, PAGE_SIZE)
    words = lineage.words_on(page.rows)
    hidden = hide_people_in(request.user, page.rows)
    rows = [
        {
            "item": item,
            "episode_id": item.reflection.episode_id if item.reflection else None,
            "text": present.clip(item.text, TEXT_SHOWN),
            "rating": present.signed(item.rating),
            "rating_class": present.rating_class(item.rating),
            "automatic": present.signed(item.automatic_rating),
            "words": []
            if item.reflection_id in hidden
            else [(word, present.signed(word.value)) for word in words[item.pk]],
        }
        for item in page.rows
    ]
    return {"page": page, "rows": rows}


def _written(request: HtmxHttpRequest, adapter: Adapter) -> dict[str, Any]:
    page = page_of(lineage.written_with(adapter), request.GET, PAGE_SIZE)
    hide_people(request.user, page.rows)
    rows = [
        {
            "reflection": row,
            "text": present.clip(row.text, TEXT_SHOWN),
            "rating": present.signed(row.effective_rating),
            "rating_class": present.rating_class(row.effective_rating),
        }
        for row in page.rows
    ]
    return {"page": page, "rows": rows}
