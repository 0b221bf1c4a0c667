from typing import Any

from django import forms
from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from webapp.episodes.models import Reflection
from webapp.episodes.rows import reflection_rows
from webapp.experiments.models import Experiment
from webapp.keyset import page_of
from webapp.render import HtmxHttpRequest, render_page

PAGE_SIZE = 30
RATINGS: dict[str, dict[str, Any]] = {
    "helped": {"effective_rating__gt": 0},
    "even": {"effective_rating": 0},
    "hurt": {"effective_rating__lt": 0},
    "unrated": {"effective_rating": None},
}


class ReflectionFilter(forms.Form):
    """Every field is optional; a value that means nothing filters nothing."""

    rating = forms.ChoiceField(required=False, choices=[(name, name) for name in RATINGS])
    experiment = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)

    def narrow(self, reflections: "QuerySet[Reflection]") -> "QuerySet[Reflection]":
        """Keep the reflections that the valid filters allow."""
        self.is_valid()
        chosen = RATINGS.get(self.cleaned_data.get("rating", ""), {})
        if experiment := self.cleaned_data.get("experiment"):
            reflections = reflections.filter(experiment=experiment)
        return reflections.filter(**chosen)


@require_GET
@permission_required("episodes.view_reflection", raise_exception=True)
def reflection_list(request: HtmxHttpRequest) -> HttpResponse:
    filters = ReflectionFilter(request.GET)
    reflections = Reflection.objects.select_related("episode__task", "experiment")
    narrowed = filters.narrow(reflections.defer("prompt", "episode__task__payload"))
    page = page_of(narrowed, request.GET, PAGE_SIZE)
    chosen = filters.cleaned_data.get("experiment")
    context = {
        "current_section": "reflections",
        "rows": reflection_rows(page.rows),
        "page": page,
        "ratings": list(RATINGS),
        "filtered": any(filters.cleaned_data.values()),
        "rating": filters.cleaned_data.get("rating", ""),
        "experiment": Experiment.objects.filter(pk=chosen).first() if chosen else None,
    }
    return render_page(request, "reflections/list.html", context, partials=["reflections"])
