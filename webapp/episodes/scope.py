"""Which episodes a page is about: filters shared by the list of episodes and the failure atlas."""

from typing import Any, TypeVar

from django import forms
from django.db.models import Model, QuerySet
from django.http import QueryDict

from webapp.episodes.failures import KINDS
from webapp.episodes.models import Episode, FailureCount, StepTag
from webapp.experiments.models import Experiment

ModelT = TypeVar("ModelT", bound=Model)
LARGEST_ID = 2**63 - 1
SORTS = {
    "newest": ("Newest first", ""),
    "worst": ("Lowest return first", "episode_return"),
    "best": ("Highest return first", "-episode_return"),
    "longest": ("Most steps first", "-step_count"),
    "shortest": ("Fewest steps first", "step_count"),
}


class Scope(forms.Form):
    """Every field is optional; a value that means nothing filters nothing."""

    experiment = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    environment = forms.CharField(required=False, max_length=60)
    method = forms.ChoiceField(required=False, choices=Experiment.Method.choices)
    task_type = forms.CharField(required=False, max_length=60)
    trial = forms.IntegerField(required=False, min_value=1, max_value=32767)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self.is_valid()
        self.chosen = {name: value for name, value in self.cleaned_data.items() if value}

    def experiments(self) -> "QuerySet[Experiment]":
        """Those that lists show, or one by its id, even an archived one, if all else fits it."""
        columns = {"experiment": "pk", "environment": "environment", "method": "method"}
        named = {columns[name]: self.chosen[name] for name in columns if name in self.chosen}
        rows = Experiment.objects.all() if "pk" in named else Experiment.objects.unarchived()
        return rows.filter(**named)

    def narrow(self, rows: "QuerySet[ModelT]", task_type: str) -> "QuerySet[ModelT]":
        """Rows with an experiment and a trial; `task_type` is the way to that of their task."""
        rows = rows.filter(experiment__in=self.experiments())
        if "task_type" in self.chosen:
            rows = rows.filter(**{task_type: self.chosen["task_type"]})
        if "trial" in self.chosen:
            rows = rows.filter(trial=self.chosen["trial"])
        return rows

    def address(self, **changes: Any) -> str:  # texts and numbers of an address
        """The query string of what is chosen, with some things changed; None takes one away."""
        query = QueryDict(mutable=True)
        for name, value in (self.chosen | changes).items():
            if value is not None:
                query[name] = str(value)
        return f"?{query.urlencode()}"


class EpisodeFilter(Scope):
    """The filters of the list of episodes."""

    kind = forms.ChoiceField(required=False, choices=[(name, name) for name in KINDS])
    solved = forms.ChoiceField(required=False, choices=[("yes", "solved"), ("no", "not solved")])
    tag = forms.CharField(required=False, max_length=40)
    sort = forms.ChoiceField(required=False, choices=[(name, name) for name in SORTS])

    def episodes(self) -> "QuerySet[Episode]":
        """The episodes that the valid filters allow."""
        rows = self.narrow(Episode.objects.all(), "task__task_type")
        if kind := self.chosen.get("kind"):
            rows = rows.filter(KINDS[kind].condition)
        if solved := self.chosen.get("solved"):
            rows = rows.filter(success=solved == "yes")
        if tag := self.chosen.get("tag"):
            rows = rows.filter(pk__in=StepTag.objects.filter(name=tag).values("episode"))
        return rows

    @property
    def order(self) -> str:
        """The column to sort by; empty is newest first."""
        return SORTS[self.chosen.get("sort", "newest")][1]


def choices_of(scope: Scope) -> list[tuple[str, str, list[str], str]]:
    """Name, label, values and the chosen value of each select, from the rollup."""
    labels = {
        "environment": "Any environment",
        "method": "Any method",
        "task_type": "Any task type",
    }
    counted = FailureCount.objects.filter(experiment__in=Experiment.objects.unarchived())
    rows = counted.values_list(
        "experiment__environment", "experiment__method", "task_type"
    ).distinct()
    found = list(rows)
    return [
        (name, label, sorted({row[place] for row in found} - {""}), scope.chosen.get(name, ""))
        for place, (name, label) in enumerate(labels.items())
    ]
