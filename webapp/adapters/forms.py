"""What people enter on an adapter's page: why it is promoted, what it is tried and measured on."""

from typing import Any

from django import forms

from retro_core.config import PRESETS
from webapp.adapters.models import Adapter
from webapp.episodes.models import Reflection
from webapp.tasks.models import TaskSet

SEED_LIMIT = 2**31 - 1
FAILURES_OFFERED = 40


class PromoteForm(forms.Form):
    """The next stage and why."""

    to = forms.ChoiceField(
        choices=[("staging", "Staging"), ("production", "Production")], label="Promote to"
    )
    reason = forms.CharField(max_length=400, help_text="Kept with the adapter for good.")


class TryForm(forms.Form):
    """A stored failure and a seed."""

    reflection = forms.ModelChoiceField(
        Reflection.objects.none(), empty_label="Choose a failed trial", label="Stored failure"
    )
    seed = forms.IntegerField(min_value=0, max_value=SEED_LIMIT, initial=0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Reflection.objects.exclude(prompt="").select_related("episode__task")
        field = self.fields["reflection"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = rows
        newest = rows.defer("prompt", "text", "episode__task__payload").order_by("-pk")
        field.choices = [("", field.empty_label)] + [
            (row.pk, f"{row.episode.task.goal[:70]} (trial {row.episode.trial})")
            for row in newest[:FAILURES_OFFERED]
        ]


class EvaluateForm(forms.Form):
    """The tasks and how often each is tried."""

    task_set = forms.ModelChoiceField(
        TaskSet.objects.order_by("-pk"),
        empty_label="Choose a task set",
        help_text="One that the adapter was not trained on.",
    )
    preset = forms.ChoiceField(
        choices=[(name, name.replace("_", " ")) for name in PRESETS],
        label="Settings",
        help_text="Of both experiments.",
    )
    trials = forms.IntegerField(min_value=2, max_value=20, initial=3)
    seed = forms.IntegerField(min_value=0, max_value=SEED_LIMIT, initial=0)
    best_of_n = forms.IntegerField(
        min_value=1,
        max_value=64,
        initial=1,
        required=False,
        label="Best of",
        help_text="Candidates for each reflection of the adapter; the reward model picks one.",
    )
    reward_model = forms.ModelChoiceField(
        Adapter.objects.reward_models(), required=False, empty_label="None: one candidate"
    )

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        values["best_of_n"] = values.get("best_of_n") or 1
        if values["best_of_n"] > 1 and not values.get("reward_model"):
            self.add_error("reward_model", "Best of several needs a reward model.")
        return values
