"""The form of a new snapshot: a query of the replay buffer."""

from typing import Any

from django import forms
from django.contrib.auth.models import User

from retro_core.errors import InvalidInput
from webapp.experiments.models import Experiment
from webapp.tasks.models import Task
from webapp.training.models import Snapshot
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.snapshots import freeze

RATING_SOURCES = [
    ("effective", "Effective: what people decided, else the automatic rating"),
    ("automatic", "Automatic only: the change in return"),
    ("human", "Only reflections that people rated"),
    ("counterfactual", "Only those rated by counterfactual replays, with that rating"),
]
REPEATS = [
    ("exact", "Leave out equal texts to equal prompts"),
    ("near", "Leave out those that repeat the reflection before, too"),
    ("keep", "Keep all"),
]


class QueryForm(forms.Form):
    """Nothing chosen in a list means all of it."""

    environments = forms.MultipleChoiceField(required=False)
    experiments = forms.ModelMultipleChoiceField(
        Experiment.objects.none(), required=False, help_text="Hold Ctrl to choose several."
    )
    methods = forms.MultipleChoiceField(
        required=False, choices=[(method, method) for method in Experiment.Method.values]
    )
    task_splits = forms.MultipleChoiceField(
        required=False, help_text="Tasks that you want to evaluate on should not be trained on."
    )
    task_types = forms.MultipleChoiceField(
        required=False, help_text="To train on some kinds of task and measure on others."
    )
    rating_source = forms.ChoiceField(choices=RATING_SOURCES, label="Ratings")
    repeats = forms.ChoiceField(choices=REPEATS)
    validation_share = forms.FloatField(
        min_value=0.0,
        max_value=0.9,
        initial=0.2,
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text="Share of tasks held out to measure on.",
    )
    seed = forms.IntegerField(
        min_value=0, max_value=2**31 - 1, initial=0, help_text="Decides which tasks are held out."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reflecting = Experiment.objects.unarchived().filter(reflections__isnull=False).distinct()
        experiments = self.fields["experiments"]
        assert isinstance(experiments, forms.ModelMultipleChoiceField)
        experiments.queryset = reflecting.order_by("-pk")
        kept = Experiment.objects.filter(deleted_at=None)
        self._offer("environments", kept.values_list("environment", flat=True))
        self._offer("task_splits", Task.objects.values_list("split", flat=True))
        self._offer("task_types", Task.objects.values_list("task_type", flat=True))

    def _offer(self, name: str, values: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(value, value) for value in sorted(set(values.distinct())) if value]

    def query(self) -> BufferQuery:
        """The query that the valid form describes."""
        values = self.cleaned_data
        return BufferQuery(
            environments=tuple(values["environments"]),
            experiments=tuple(row.pk for row in values["experiments"]),
            methods=tuple(values["methods"]),
            task_splits=tuple(values["task_splits"]),
            task_types=tuple(values["task_types"]),
            rating_source=values["rating_source"],
            repeats=values["repeats"],
            validation_share=values["validation_share"],
            seed=values["seed"],
        )


class SnapshotForm(QueryForm):
    """The query and the snapshot's name."""

    name = forms.CharField(max_length=120, help_text="Unique; shown wherever it is trained on.")
    field_order = ("name",)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if Snapshot.objects.filter(name=name).exists():
            raise forms.ValidationError("There is a snapshot of this name already.")
        return name

    def save(self, owner: User) -> Snapshot | None:
        """Freeze what the query finds; None with an error if that is nothing."""
        try:
            return freeze(self.query(), name=self.cleaned_data["name"], owner=owner)
        except InvalidInput as error:
            self.add_error(None, str(error))
            return None
