"""The filters of the experiments list, read from the address and never trusted."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django import forms
from django.db.models import Count, Q

from webapp.experiments.models import Experiment

SHELVES = {
    "": Q(archived_at=None, deleted_at=None),
    "archived": Q(archived_at__isnull=False, deleted_at=None),
    "deleted": Q(deleted_at__isnull=False),
}
PLAIN = ("environment", "method", "status", "adapter")


class ExperimentFilter(forms.Form):
    """Every field is optional; a value that means nothing filters nothing."""

    q = forms.CharField(required=False, max_length=160, strip=True)
    environment = forms.CharField(required=False, max_length=60)
    method = forms.ChoiceField(
        required=False, choices=[("", "Any method"), *Experiment.Method.choices]
    )
    status = forms.ChoiceField(
        required=False, choices=[("", "Any status"), *Experiment.Status.choices]
    )
    adapter = forms.CharField(required=False, max_length=120)
    owner = forms.CharField(required=False, max_length=150)
    tag = forms.CharField(required=False, max_length=40)
    shelf = forms.ChoiceField(required=False, choices=[(name, name) for name in SHELVES])

    def condition(self) -> Q:
        """What the valid filters ask of an experiment, on the shelf that is looked at."""
        self.is_valid()
        chosen = self.cleaned_data
        found = self.on_shelf()
        for name in PLAIN:
            if chosen.get(name):
                found &= Q(**{name: chosen[name]})
        if chosen.get("owner"):
            found &= Q(owner__username=chosen["owner"])
        if chosen.get("tag"):
            found &= Q(tags__contains=[chosen["tag"]])
        if chosen.get("q"):
            found &= Q(name__icontains=chosen["q"])
        return found

    def on_shelf(self) -> Q:
        """Listed, archived or deleted."""
        self.is_valid()
        return SHELVES[self.cleaned_data.get("shelf", "")]

    @property
    def is_used(self) -> bool:
        """Whether any filter is set."""
        return any(self.cleaned_data.values())


@dataclass(frozen=True, slots=True)
class Facets:
    """How many experiments there are of each kind on the shelf, and how many the filters keep.

    `kept` counts by the column that the list is grouped by.
    """

    total: int
    matching: int
    options: Mapping[str, list[tuple[str, int]]]
    kept: Mapping[str, int]


FACETS = ("environment", "method", "status", "adapter", "owner__username")


def facets(filters: ExperimentFilter, group: str) -> Facets:
    """One query over the narrow columns of the shelf."""
    columns = [*FACETS, "tags", *([group] if group and group not in FACETS else [])]
    rows = (
        Experiment.objects.filter(filters.on_shelf())
        .order_by()
        .values(*columns)
        .annotate(all=Count("pk"), kept=Count("pk", filter=filters.condition()))
    )
    counts: dict[str, Counter[str]] = {name: Counter() for name in [*FACETS, "tags"]}
    kept: Counter[str] = Counter()
    total = 0
    for row in rows:
        total += row["all"]
        kept[(row[group] or "") if group else ""] += row["kept"]
        for name in FACETS:
            counts[name][row[name] or ""] += row["all"]
        for tag in row["tags"]:
            counts["tags"][tag] += row["all"]
    options = {
        name.removesuffix("__username"): sorted((n, c) for n, c in counter.items() if n)
        for name, counter in counts.items()
    }
    return Facets(total, kept.total(), options, kept)
