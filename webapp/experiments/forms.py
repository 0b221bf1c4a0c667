"""The form of a new experiment: tasks, method, models, and every setting under a fold."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils.functional import cached_property

from retro_core.config import PRESETS, WRITES_REFLECTIONS, ExperimentConfig
from retro_core.envs.base import registered
from retro_core.envs.hotpotqa.env import ENVIRONMENT as HOTPOTQA
from retro_core.errors import InvalidInput
from webapp.adapters.models import Adapter
from webapp.experiments.models import Experiment
from webapp.experiments.services import (
    EMBEDDED_MODEL,
    HOUSEHOLD,
    HOUSEHOLD_WORLD,
    NOTHING_TRAINED,
    create_experiment,
    is_reflexion_renamed,
)
from webapp.experiments.setting_fields import setting_fields
from webapp.keyset import whole_number
from webapp.setting_fields import SettingsForm, flat, nested
from webapp.tasks.models import TaskSet
from webapp.tasks.services import generated_set
from webapp.worlds.services.making import corpus_folder

MOST_TASKS = 1000
MOST_NAMES = 100  # that a field proposes while one types
SHOWN_ABOVE = frozenset(
    {
        *("reflection__best_of_n", "reflection__reward_model"),
        *("pages__store", "pages__corpus", "shop__observations"),
    }
)
METHODS = {
    "reflexion": "After a failed trial the base reflector writes what went wrong;"
    " the actor reads it next time.",
    "retroformer": "Like reflexion, with a trained adapter in the reflector, and best of N"
    " reflections where a reward model ranks them.",
    "react": "No memory: every trial is the same policy with the same seed. The floor.",
    "resample": "No memory, a new seed each trial: what luck alone gains.",
    "last_trial": "The actor sees the previous trajectory itself, without a reflection.",
    "fixed_prompt": "The same written advice for every task: what any advice gains.",
}


class TaskSetSelect(forms.Select):
    """Each option tells its world, so that the page can show what belongs to it."""

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # Django's own signature
        option = super().create_option(*args, **kwargs)
        task_set = getattr(option["value"], "instance", None)
        if task_set is not None:
            option["attrs"]["data-world"] = task_set.environment
        return option


class ExperimentForm(SettingsForm):
    """What a new experiment needs. Settings that it doesn't ask keep their defaults."""

    shown_above = SHOWN_ABOVE

    name = forms.CharField(max_length=160, help_text="Unique; shown in lists and charts.")
    notes = forms.CharField(
        required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 2})
    )
    tasks_from = forms.ChoiceField(
        choices=[("existing", "A task set"), ("generate", "New tasks")],
        widget=forms.RadioSelect,
        initial="existing",
    )
    task_set = forms.ModelChoiceField(
        TaskSet.objects.all(),
        required=False,
        empty_label="Choose a task set",
        widget=TaskSetSelect,
    )
    split = forms.ChoiceField(
        required=False, label="Environment and split", help_text="Splits share no task or layout."
    )
    count = forms.IntegerField(
        required=False, min_value=1, max_value=MOST_TASKS, initial=12, label="Number of tasks"
    )
    task_seed = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=2**31 - 1,
        initial=0,
        help_text="The same seed gives the same tasks.",
    )
    method = forms.ChoiceField(choices=list(METHODS.items()), widget=forms.RadioSelect)
    trials = forms.IntegerField(
        min_value=1, max_value=100, help_text="Attempts at each task until it is solved."
    )
    seed = forms.IntegerField(
        min_value=0, max_value=2**31 - 1, help_text="Repeats the experiment exactly."
    )
    actor_model = forms.CharField(max_length=120, required=False, label="Actor model")
    adapter = forms.CharField(
        max_length=120, required=False, help_text="Of the reflector. Empty: the base model."
    )
    reflector_model = forms.CharField(
        max_length=120,
        required=False,
        label="Reflector model",
        help_text="Its name at the endpoint; asked for over the OpenAI protocol alone.",
    )
    concurrency = forms.IntegerField(
        min_value=1,
        max_value=64,
        initial=4,
        label="Tasks at a time",
        help_text="Per worker; changes no result.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_settings(setting_fields())
        split = self.fields["split"]
        assert isinstance(split, forms.ChoiceField)
        split.choices = split_choices()
        self.fields["actor_model"].help_text = actor_help()
        self.fields["pages__store"].label = "Pages of questions"
        self.fields["pages__corpus"].label = "Corpus folder"
        self.fields["shop__observations"].label = "Pages of the shop"
        self.fields["adapter"].widget.attrs["list"] = "known-policies"
        self.fields["reflection__reward_model"].widget.attrs["list"] = "known-reward-models"

    @property
    def trained(self) -> dict[str, list[str]]:
        """Names to choose from, by the list that proposes them, newest first."""
        return {
            "known-policies": _names(Adapter.objects.policies()),
            "known-reward-models": _names(Adapter.objects.reward_models()),
        }

    @cached_property
    def world(self) -> str:
        """The environment of the tasks that stand in the form: some settings are of one alone."""
        if self["tasks_from"].value() == "generate":
            return str(self["split"].value()).partition(":")[0]
        chosen = self["task_set"].value()
        number = whole_number(str(getattr(chosen, "pk", chosen))) or 0
        worlds = TaskSet.objects.filter(pk=number).values_list("environment", flat=True)
        return worlds.first() or ""

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if Experiment.objects.filter(name=name).exists():
            raise forms.ValidationError("There is an experiment of this name already.")
        return name

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if values.get("tasks_from") == "existing" and not values.get("task_set"):
            self._complain("task_set", "Choose the tasks to play.")
        if values.get("tasks_from") == "generate":
            for name in ("split", "count", "task_seed"):
                if values.get(name) in (None, ""):
                    self._complain(name, "Needed to make new tasks.")
        self._check_best_of_n(values)
        self._check_adapter(values)
        self._check_reflector(values)
        self._check_pages(values)
        return values

    def _check_best_of_n(self, values: dict[str, Any]) -> None:
        """Candidates can be ranked by a trained reward model only."""
        several = (values.get("reflection__best_of_n") or 1) > 1
        if values.get("method") != "retroformer" or not several:
            return
        known = Adapter.objects.reward_models()
        if not known.filter(name=values.get("reflection__reward_model")).exists():
            names = ", ".join(known.values_list("name", flat=True)[:10]) or "none yet"
            self._complain("reflection__reward_model", f"Best of N needs one. There are: {names}.")

    def _check_adapter(self, values: dict[str, Any]) -> None:
        """The method retroformer is one of trained models."""
        best_of_n = values.get("reflection__best_of_n", 0)
        if is_reflexion_renamed(values.get("method", ""), values.get("adapter", ""), best_of_n):
            self._complain("adapter", NOTHING_TRAINED)

    def _check_reflector(self, values: dict[str, Any]) -> None:
        """Over the OpenAI protocol a model is asked for by its name."""
        named = values.get("adapter") or values.get("reflector_model")
        over_openai = values.get("reflection__protocol") == "openai"
        if values.get("method") in WRITES_REFLECTIONS and over_openai and not named:
            self._complain("reflector_model", "Over the OpenAI protocol it must be named.")

    def _check_pages(self, values: dict[str, Any]) -> None:
        """A corpus folder must be one of this installation."""
        if values.get("pages__store") != "corpus" or self.world != HOTPOTQA:
            return
        try:
            corpus_folder(values.get("pages__corpus") or "")
        except InvalidInput as error:
            self._complain("pages__corpus", str(error))

    def _complain(self, name: str, words: str) -> None:
        if name not in self.errors:
            self.add_error(name, words)

    def save(self, owner: User) -> Experiment | None:
        """Make the experiment and, where asked, its tasks; None with errors if that is refused."""
        values = self.cleaned_data
        try:
            with transaction.atomic():
                return create_experiment(
                    name=values["name"],
                    task_set=self._task_set(),
                    config=self._config(),
                    owner=owner,
                    notes=values["notes"],
                    actor_model=values["actor_model"],
                    reflector_model=values["reflector_model"],
                    adapter=values["adapter"],
                    concurrency=values["concurrency"],
                )
        except InvalidInput as error:
            self.add_error(None, str(error))
            return None

    def _config(self) -> ExperimentConfig:
        names = ["method", "trials", "seed", *(setting.name for setting in self.setting_list)]
        return ExperimentConfig.from_json(nested({n: self.cleaned_data[n] for n in names}))

    def _task_set(self) -> TaskSet:
        values = self.cleaned_data
        if values["tasks_from"] == "existing":
            chosen: TaskSet = values["task_set"]
            return chosen
        environment, split = values["split"].split(":", 1)
        return generated_set(environment, split, values["count"], values["task_seed"])


def _names(adapters: QuerySet[Adapter]) -> list[str]:
    return list(adapters.values_list("name", flat=True)[:MOST_NAMES])


def split_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """The splits of every environment that can be played here, grouped by environment."""
    return [
        (spec.title, [(f"{name}:{split}", f"{spec.title}, {split}") for split in spec.splits])
        for name, spec in registered().items()
        if not spec.missing()
    ]


def actor_help() -> str:
    """What an empty field means, and what to expect of it."""
    if settings.ACTOR_MODEL != HOUSEHOLD:
        return f"As the actor's endpoint knows it. Empty: {settings.ACTOR_MODEL}."
    return (
        f"Empty: the adapter {HOUSEHOLD} in household games, the plain {EMBEDDED_MODEL} in every"
        " other world. It was tuned for no other: expect next to nothing solved there, and set"
        " ACTOR_BASE_URL and ACTOR_MODEL to measure with a larger model."
    )


def fresh_values(world: str = "") -> dict[str, Any]:
    """Defaults that play well on the embedded models, for one world or that of the newest tasks."""
    task_sets = TaskSet.objects.order_by("-pk")
    newest = (task_sets.filter(environment=world) if world else task_sets).first()
    environment = world or (newest.environment if newest else HOUSEHOLD_WORLD)
    values = flat(PRESETS.get(f"embedded_{environment}", PRESETS["embedded"])) | {
        "actor_model": "",
        "task_set": newest,
        "tasks_from": "existing" if newest else "generate",
    }
    spec = registered().get(environment)
    return values | {"split": f"{environment}:{spec.splits[0]}"} if spec else values
