"""What people enter on an adapter's page: why it is promoted, what it is tried and measured on."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db import transaction

from retro_core.config import PRESETS
from retro_core.envs.base import registered
from retro_core.errors import InvalidInput
from webapp.adapters.models import Adapter, Evaluation
from webapp.adapters.services.evaluating import (
    EvaluationRequest,
    check_served,
    evaluate,
    trained_environment,
)
from webapp.episodes.models import Reflection
from webapp.experiments.forms import MOST_TASKS, split_choices
from webapp.tasks.models import TaskSet
from webapp.tasks.services import generated_set

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
        rows = Reflection.objects.filter(experiment__deleted_at=None).exclude(prompt="")
        rows = rows.select_related("episode__task")
        field = self.fields["reflection"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = rows
        newest = rows.defer("prompt", "text", "episode__task__payload").order_by("-pk")
        field.choices = [("", field.empty_label)] + [
            (row.pk, f"{row.episode.task.goal[:70]} (trial {row.episode.trial})")
            for row in newest[:FAILURES_OFFERED]
        ]


class EvaluateForm(forms.Form):
    """The tasks and how often each is tried; as proposed, new tasks of a held-out split."""

    task_set = forms.ModelChoiceField(
        TaskSet.objects.order_by("-pk"),
        required=False,
        empty_label="New tasks of the split below",
        help_text="One that the adapter was not trained on.",
    )
    split = forms.ChoiceField(
        required=False, label="Held-out split", help_text="Shares no task or layout with training."
    )
    count = forms.IntegerField(
        required=False, min_value=1, max_value=MOST_TASKS, initial=12, label="New tasks"
    )
    preset = forms.ChoiceField(
        choices=[(name, name.replace("_", " ")) for name in PRESETS],
        label="Settings",
        help_text="Of both experiments.",
    )
    as_trained = forms.BooleanField(
        required=False,
        initial=True,
        label="Ask as in its training",
        help_text="Reflection prompts and lengths of what it learned from, for both.",
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

    def __init__(self, adapter: Adapter, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = proposed(trained_environment(adapter)) | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        split = self.fields["split"]
        assert isinstance(split, forms.ChoiceField)
        split.choices = [
            (title, [(value, name) for value, name in splits if not value.endswith(":train")])
            for title, splits in split_choices()
        ]

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if not values.get("task_set") and not (values.get("split") and values.get("count")):
            self.add_error("task_set", "Choose one, or the split and number of new tasks.")
        values["best_of_n"] = values.get("best_of_n") or 1
        if values["best_of_n"] > 1 and not values.get("reward_model"):
            self.add_error("reward_model", "Best of several needs a reward model.")
        return values

    def save(self, adapter: Adapter, owner: User) -> Evaluation | None:
        """Start both experiments, on new tasks where none were chosen; None with an error."""
        values = dict(self.cleaned_data)
        split, size = values.pop("split"), values.pop("count")
        try:
            check_served(adapter)
            with transaction.atomic():
                if values["task_set"] is None:
                    environment, name = split.split(":", 1)
                    values["task_set"] = generated_set(environment, name, size, values["seed"])
                return evaluate(adapter, EvaluationRequest(**values), owner)
        except InvalidInput as error:
            self.add_error(None, str(error))
            return None


def proposed(environment: str) -> dict[str, str]:
    """The settings and the held-out split that fit an environment."""
    own = f"embedded_{environment}"
    spec = registered().get(environment)
    return {
        "preset": own if own in PRESETS else "embedded",
        "split": f"{environment}:{spec.splits[-1]}" if spec else "",
    }
