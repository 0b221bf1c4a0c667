from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from webapp import present
from webapp.adapters import page as words
from webapp.adapters.forms import EvaluateForm, PromoteForm, TryForm
from webapp.adapters.models import Adapter
from webapp.adapters.services import promoting, server
from webapp.keyset import page_of
from webapp.render import HtmxHttpRequest, asked_partial, render_page

PAGE_SIZE = 40


@require_GET
@permission_required("adapters.view_adapter", raise_exception=True)
def adapter_list(request: HtmxHttpRequest) -> HttpResponse:
    page = page_of(Adapter.objects.select_related("made_by"), request.GET, PAGE_SIZE)
    current = Adapter.objects.in_production()
    context = {
        "current_section": "adapters",
        "rows": words.adapter_rows(page.rows),
        "page": page,
        "production": current,
        "earlier": promoting.before_it(current) if current else None,
    }
    return render_page(request, "adapters/list.html", context, partials=["adapters"])


@require_GET
@permission_required("adapters.view_adapter", raise_exception=True)
def adapter_detail(request: HtmxHttpRequest, adapter_id: int) -> HttpResponse:
    context = detail_context(adapter_id)
    asked = context["promotion"]
    # Stage, server and history have changed with it; somebody may be filling in another form there.
    watched = asked_partial(request, ["promotion"])
    context["page_is_old"] = watched and not (asked and asked.is_moving)
    return render_page(request, "adapters/detail.html", context, partials=["promotion"])


def detail_context(adapter_id: int, **forms: Any) -> dict[str, Any]:
    """All that an adapter's page shows, with forms that were filled in."""
    rows = Adapter.objects.select_related("parent", "made_by__snapshot")
    adapter = get_object_or_404(rows, pk=adapter_id)
    policy = adapter.kind == Adapter.Kind.POLICY
    next_stage = promoting.NEXT.get(Adapter.Stage(adapter.stage), "production")
    promotion = adapter.promotions.select_related("person").first()
    context: dict[str, Any] = {
        "current_section": "adapters",
        "adapter": adapter,
        "row": words.adapter_row(adapter),
        "figures": words.figure_rows(adapter.figures),
        "ancestors": words.ancestors(adapter),
        "used_in": words.used_in(adapter),
        "evaluations": words.evaluation_rows(adapter),
        "changes": [
            {"change": change, "when": present.moment(change.changed_at)}
            for change in adapter.stage_changes.select_related("person")
        ],
        "loaded": server.is_loaded(adapter) if policy else None,
        "promotion": promotion,
        "promotion_when": present.moment(promotion.asked_at) if promotion else None,
        "promote_form": PromoteForm(initial={"to": next_stage}),
        "try_form": TryForm(),
        "evaluate_form": EvaluateForm(adapter),
    }
    return context | forms
