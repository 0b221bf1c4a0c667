from typing import Any

from django import forms
from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.views.decorators.http import require_GET

from webapp.annotation.services.blindness import hide_people, rating_shown
from webapp.episodes.models import Reflection
from webapp.episodes.rows import reflection_rows
from webapp.experiments.models import Experiment
from webapp.keyset import page_by, page_of
from webapp.render import HtmxHttpRequest, render_page

PAGE_SIZE = 30
RATINGS: dict[str, dict[str, Any]] = {
    "helped": {"shown_rating__gt": 0},
    "even": {"shown_rating": 0},
    "hurt": {"shown_rating__lt": 0},
    "unrated": {"shown_rating": None},
}
SORTS = {
    "newest": ("Newest", ""),
    "worst": ("Worst first", "shown_rating"),
    "best": ("Best first", "-shown_rating"),
}


class ReflectionFilter(forms.Form):
    """Every field is optional; a value that means nothing filters nothing."""

    rating = forms.ChoiceField(required=False, choices=[(name, name) for name in RATINGS])
    experiment = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    sort = forms.ChoiceField(required=False, choices=[(name, name) for name in SORTS])
    repeats = forms.BooleanField(required=False)

    def narrow(self, reflections: "QuerySet[Reflection]") -> "QuerySet[Reflection]":
        """Keep the reflections, with their `shown_rating`, that the valid filters allow."""
        self.is_valid()
        chosen = RATINGS.get(self.cleaned_data.get("rating", ""), {})
        if experiment := self.cleaned_data.get("experiment"):
            reflections = reflections.filter(experiment=experiment)
        else:
            reflections = reflections.filter(experiment__deleted_at=None)
        if self.cleaned_data.get("repeats"):
            reflections = reflections.filter(repeats_previous=True)
        return reflections.filter(**chosen)

    @property
    def order(self) -> str:
        """The column to sort by; empty is newest first."""
        return SORTS[self.cleaned_data.get("sort") or "newest"][1]

    def address(self, **changes: str) -> str:
        """The query string of what is chosen, with some things changed; empty takes one away."""
        query = QueryDict(mutable=True)
        for name, value in {**self.cleaned_data, **changes}.items():
            if value:
                query[name] = "on" if value is True else str(value)
        return f"?{query.urlencode()}"


@require_GET
@permission_required("episodes.view_reflection", raise_exception=True)
def reflection_list(request: HtmxHttpRequest) -> HttpResponse:
    filters = ReflectionFilter(request.GET)
    reflections = Reflection.objects.select_related("episode__task", "experiment").annotate(
        shown_rating=rating_shown(request.user)
    )
    narrowed = filters.narrow(
        reflections.defer("prompt", "candidates", "episode__task__payload", "experiment__config")
    )
    if filters.order:
        page = page_by(narrowed, request.GET, filters.order, PAGE_SIZE)
    else:
        page = page_of(narrowed, request.GET, PAGE_SIZE)
    hide_people(request.user, page.rows)
    values = filters.cleaned_data
    chosen = values.get("experiment")
    context = {
        "current_section": "reflections",
        "rows": reflection_rows(page.rows),
        "page": page,
        "ratings": _links(filters, "rating", {"": "All"} | {name: name for name in RATINGS}),
        "sorts": _links(filters, "sort", {name: words for name, (words, _) in SORTS.items()}),
        "sort": values.get("sort") or "newest",
        "repeats": values.get("repeats", False),
        "repeats_address": filters.address(repeats="" if values.get("repeats") else "on"),
        "filtered": any(value for name, value in values.items() if name != "sort"),
        "experiment": Experiment.objects.filter(pk=chosen).first() if chosen else None,
        "of_all": filters.address(experiment=""),
    }
    return render_page(request, "reflections/list.html", context, partials=["reflections"])


def _links(
    filters: ReflectionFilter, field: str, words: dict[str, str]
) -> list[tuple[str, str, bool]]:
    """Words, address and whether it is chosen, for each value of a field."""
    now = filters.cleaned_data.get(field) or next(iter(words))
    return [
        (text, filters.address(**{field: value}), value == now) for value, text in words.items()
    ]
