"""The forms that start training: one run, or a whole pipeline."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

from django import forms
from django.contrib.auth.models import User
from django.db import transaction

from retro_core.config import ChatTemplate
from retro_core.errors import InvalidInput
from retro_core.training.presets import PRESETS
from retro_core.training.spec import TrainingSpec
from webapp.adapters.models import Adapter
from webapp.setting_fields import SettingsForm, flat, nested
from webapp.training.forms.setting_fields import setting_fields
from webapp.training.forms.snapshot import QueryForm
from webapp.training.models import Pipeline, Snapshot, TrainingRun
from webapp.training.services.pipelines import launch_pipeline, refusals
from webapp.training.services.runs import POLICY_STAGES, check_launch, check_retries, launch
from webapp.training.services.snapshots import free_snapshot_name, freeze

STAGES = {
    "sft": "Imitates reflections that helped. Start here.",
    "reward_model": "Learns to tell good reflections from bad ones.",
    "ppo": "Writes fresh reflections and learns from a reward model's scores or from retries.",
    "grpo": "The same by comparing groups of reflections, without a value head.",
}
REWARDS = [
    ("reward_model", "A reward model's score"),
    ("retries", "The rating: the retry is played with each fresh reflection"),
]
SEED_LIMIT = 2**31 - 1
QUERY = "query"  # prefix of the fields of the live query


class LaunchForm(SettingsForm):
    """One training run. Stage and preset are chosen before; every other setting is below."""

    name = forms.CharField(max_length=120, help_text="Unique; shown in lists and charts.")
    notes = forms.CharField(
        required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 2})
    )
    snapshot = forms.ModelChoiceField(
        Snapshot.objects.all(),
        required=False,
        empty_label="None: freeze the query below at launch",
    )
    reward__kind = forms.ChoiceField(
        choices=REWARDS,
        label="Reward of a fresh reflection",
        help_text="Retries need no reward model, and take the time of an episode each.",
    )
    parent = forms.ModelChoiceField(
        Adapter.objects.policies(),
        required=False,
        empty_label="None: begin a new adapter",
        label="Parent adapter",
        help_text="Weights to go on from; its shape is kept.",
    )
    reward_model = forms.ModelChoiceField(
        Adapter.objects.reward_models(), required=False, empty_label="Choose a reward model"
    )
    seed = forms.IntegerField(
        min_value=0, max_value=SEED_LIMIT, initial=0, help_text="Repeats the run exactly."
    )
    adapter_family = forms.SlugField(
        max_length=60,
        required=False,
        label="Adapter name",
        help_text="Versions count up under it. Empty: made from the run's name.",
    )

    def __init__(self, stage: str, preset: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stage, self.preset = stage, preset
        self.add_settings(setting_fields(stage))
        sent = self.data if self.is_bound else None
        self.query = QueryForm(sent, prefix=QUERY)
        if stage not in POLICY_STAGES:
            del self.fields["reward_model"], self.fields["reward__kind"]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if TrainingRun.objects.filter(name=name).exists():
            raise forms.ValidationError("There is a training run of this name already.")
        return name

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if not values.get("snapshot") and not self.query.is_valid():
            self.add_error("snapshot", "Choose one, or mend the query below.")
        if not self.errors:
            try:
                check_launch(self.spec(), values["parent"], values.get("reward_model"))
            except InvalidInput as error:
                self.add_error(None, str(error))
        return values

    @contextmanager
    def snapshot_to_learn(self, owner: User | None, *, keep: bool) -> Iterator[Snapshot]:
        """The chosen snapshot, else the query frozen now, for good or for the block alone.

        Raises InvalidInput where the query finds nothing, or retries cannot be played.
        """
        chosen: Snapshot | None = self.cleaned_data["snapshot"]
        with transaction.atomic():
            taken = chosen or freeze(
                self.query.query(), name=free_snapshot_name(self.cleaned_data["name"]), owner=owner
            )
            check_retries(self.spec(), taken)
            yield taken
            if not keep:
                transaction.set_rollback(True)

    def spec(self) -> TrainingSpec:
        """The specification that the valid form describes. Raises InvalidInput."""
        names = ["seed", *(setting.name for setting in self.setting_list)]
        names += ["reward__kind"] if "reward__kind" in self.fields else []
        values = {name: self.cleaned_data[name] for name in names}
        return TrainingSpec.from_json(nested(values | {"stage": self.stage}))

    def save(self, owner: User) -> TrainingRun | None:
        """Store and queue the run; None with an error if it is refused."""
        values = self.cleaned_data
        try:
            with self.snapshot_to_learn(owner, keep=True) as snapshot:
                return launch(
                    name=values["name"],
                    snapshot=snapshot,
                    spec=self.spec(),
                    preset=self.preset,
                    owner=owner,
                    notes=values["notes"],
                    parent=values["parent"],
                    reward_model=values.get("reward_model"),
                    adapter_family=values["adapter_family"],
                )
        except InvalidInput as error:
            self.add_error(None, str(error))
            return None


class PipelineForm(forms.Form):
    """Supervised tuning, reward model and PPO from one preset."""

    name = forms.CharField(max_length=60, help_text="Unique; its adapters are named after it.")
    snapshot = forms.ModelChoiceField(Snapshot.objects.all(), empty_label="Choose a snapshot")
    preset = forms.ChoiceField(choices=[(name, name.replace("_", " ")) for name in PRESETS])
    seed = forms.IntegerField(min_value=0, max_value=SEED_LIMIT, initial=0)
    most_updates = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=1_000_000,
        label="Most updates of a stage",
        help_text="Empty: as many as the preset makes. One or two show that the chain runs.",
    )
    chat_template = forms.TypedChoiceField(
        choices=[("", "As in the preset"), *((name, name) for name in get_args(ChatTemplate))],
        required=False,
        empty_value=None,
        help_text="Wraps the reflection prompt: what the tuned model reads, in all three stages.",
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if Pipeline.objects.filter(name=name).exists():
            raise forms.ValidationError("There is a pipeline of this name already.")
        return name

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if values.get("snapshot") and values.get("preset"):
            for why in refusals(values["snapshot"], values["preset"]):
                self.add_error("snapshot", why)
        return values

    def save(self, owner: User) -> Pipeline | None:
        """Store the chain and queue its first run; None with an error if it is refused."""
        try:
            return launch_pipeline(owner=owner, **self.cleaned_data)
        except InvalidInput as error:
            self.add_error(None, str(error))
            return None


def preset_values(spec: TrainingSpec) -> dict[str, Any]:
    """The values of a ready-made specification for the form."""
    return flat(spec)
