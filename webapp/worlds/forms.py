"""What a person sends while playing by hand."""

from typing import Any

from django import forms

from retro_core.envs.base import EnvSpec
from webapp.tasks.models import TaskSet
from webapp.tasks.services import generated_set

MOST_TASKS = 20
LONGEST_ACTION = 4_000
LONGEST_REFLECTION = 10_000


class ActionForm(forms.Form):
    """One step: an action that was pressed, or else the one that was typed."""

    index = forms.IntegerField(min_value=0, max_value=100_000)
    thought = forms.CharField(max_length=LONGEST_ACTION, required=False)
    action = forms.CharField(max_length=LONGEST_ACTION, required=False)
    chosen = forms.CharField(max_length=LONGEST_ACTION, required=False)

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        values["action"] = values.get("chosen") or values.get("action") or ""
        if not values["action"] and "action" not in self.errors:
            self.add_error("action", "Type an action, or press one of the list.")
        return values


class ReflectionForm(forms.Form):
    """What went wrong, and what to do next time: may be left out."""

    reflection = forms.CharField(
        max_length=LONGEST_REFLECTION,
        required=False,
        label="Your reflection",
        help_text="What went wrong, and what you will do next time. It is kept and rated like a"
        " model's.",
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class NewTasksForm(forms.Form):
    """New tasks of one world: the same seed gives the same ones."""

    split = forms.ChoiceField()
    count = forms.IntegerField(
        min_value=1, max_value=MOST_TASKS, initial=1, label="Number of tasks"
    )
    seed = forms.IntegerField(min_value=0, max_value=2**31 - 1, initial=0)

    def __init__(self, spec: EnvSpec, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.spec = spec
        split = self.fields["split"]
        assert isinstance(split, forms.ChoiceField)
        split.choices = [(name, name) for name in spec.splits]

    def save(self) -> TaskSet:
        """The task set of these tasks, made where missing. Raises InvalidInput."""
        values = self.cleaned_data
        return generated_set(self.spec.name, values["split"], values["count"], values["seed"])
