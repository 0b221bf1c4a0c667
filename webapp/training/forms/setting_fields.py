"""Form fields made from the training specification, with their notes, units and bounds."""

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from django import forms

from retro_core.settings_record import SettingsRecord
from retro_core.training.spec import Stage, TrainingSpec

SEPARATOR = "__"
# Paths, and what the form asks above the fold.
NOT_ASKED = frozenset(
    {
        *("stage", "seed", "parent_adapter", "reward__kind", "reward__folder", "reward__function"),
        *(
            "reward__address_file",
            "reward__settings",
            "dataset__path",
            "dataset__sha256",
            "dataset__validation_fraction",
        ),
        *("base_model__folder", "base_model__sha256", "base_model__name"),
    }
)
OF_STAGES: Mapping[str, tuple[Stage, ...]] = {
    "reward_model": ("reward_model",),
    "reward": ("ppo", "grpo"),
    "ppo": ("ppo",),
    "grpo": ("grpo",),
}


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting with the name of its form field: `optimisation__batch_size`."""

    name: str
    section: str
    unit: str
    form_field: forms.Field


def setting_fields(stage: str) -> Iterator[SettingField]:
    """Every setting that decides something in a stage and is not asked elsewhere."""
    for setting in _fields_of(TrainingSpec(), ""):
        if setting.name not in NOT_ASKED and stage in OF_STAGES.get(setting.section, (stage,)):
            yield setting


def flat(spec: TrainingSpec) -> dict[str, Any]:
    """A specification as form values."""
    return dict(_flat(spec.to_json(), ""))


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}{SEPARATOR}")
        else:
            yield f"{prefix}{name}", value


def _fields_of(record: SettingsRecord, section: str) -> Iterator[SettingField]:
    hints = get_type_hints(type(record))
    for spec in fields(record):
        value = getattr(record, spec.name)
        if isinstance(value, SettingsRecord):
            yield from _fields_of(value, spec.name)
        else:
            name = f"{section}{SEPARATOR}{spec.name}" if section else spec.name
            field = _form_field(spec, hints[spec.name], value)
            yield SettingField(name, section or "machine", spec.metadata["unit"], field)


def _form_field(spec: "Field[Any]", hint: Any, default: Any) -> forms.Field:
    about: dict[str, Any] = {
        "label": spec.name.replace("_", " ").capitalize(),
        "help_text": spec.metadata["note"],
        "initial": default,
    }
    if get_origin(hint) is Literal:
        choices = [(word, str(word).replace("_", " ")) for word in get_args(hint)]
        return forms.ChoiceField(choices=choices, **about)
    if hint is bool:
        return forms.BooleanField(required=False, **about)
    if hint is str:
        return forms.CharField(required=bool(default), max_length=400, **about)
    least, most = spec.metadata["at_least"], spec.metadata["at_most"]
    if hint is int:
        return forms.IntegerField(min_value=least, max_value=most or 2**31 - 1, **about)
    widget = forms.NumberInput(attrs={"step": "any"})
    return forms.FloatField(min_value=least, max_value=most, widget=widget, **about)
