"""Form fields made from the settings records, with their notes, units and bounds."""

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from django import forms

from retro_core.config import ExperimentConfig
from retro_core.settings_record import SettingsRecord

SEPARATOR = "__"
ASKED_ABOVE = {"method", "trials", "seed"}
WORDS = {
    "": "server's default",
    "task": "the task's own pages",
    "wikipedia": "live Wikipedia",
    "corpus": "a corpus folder",
    "as_task": "as the task says",
    "text_rich": "whole pages, buttons marked",
    "text": "whole pages, plain",
}


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting with the name of its form field: `episode__max_steps`."""

    name: str
    section: str
    unit: str
    form_field: forms.Field


def setting_fields() -> Iterator[SettingField]:
    """Every setting of an experiment that the form doesn't ask in its upper part."""
    yield from _fields_of(ExperimentConfig(), "")


def flat(config: ExperimentConfig) -> dict[str, Any]:
    """A configuration as form values."""
    values: dict[str, Any] = {}
    for name, value in config.to_json().items():
        if isinstance(value, Mapping):
            values |= {f"{name}{SEPARATOR}{inner}": kept for inner, kept in value.items()}
        else:
            values[name] = value
    return values


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Form values as the JSON of a configuration."""
    built: dict[str, Any] = {}
    for name, value in values.items():
        section, separator, inner = name.partition(SEPARATOR)
        if separator:
            built.setdefault(section, {})[inner] = value
        else:
            built[name] = value
    return built


def _fields_of(record: SettingsRecord, section: str) -> Iterator[SettingField]:
    hints = get_type_hints(type(record))
    for spec in fields(record):
        value = getattr(record, spec.name)
        if isinstance(value, SettingsRecord):
            yield from _fields_of(value, spec.name)
        elif section or spec.name not in ASKED_ABOVE:
            name = f"{section}{SEPARATOR}{spec.name}" if section else spec.name
            field = _form_field(spec, hints[spec.name], value)
            yield SettingField(name, section or "memory", spec.metadata["unit"], field)


def _form_field(spec: "Field[Any]", hint: Any, default: Any) -> forms.Field:
    about: dict[str, Any] = {
        "label": spec.name.replace("_", " ").capitalize(),
        "help_text": spec.metadata["note"].removesuffix(" Own."),
        "initial": default,
    }
    if get_origin(hint) is Literal:
        words = get_args(hint)
        choices = [(word, WORDS.get(word, word.replace("_", " "))) for word in words]
        return forms.ChoiceField(choices=choices, required="" not in words, **about)
    if hint is bool:
        return forms.BooleanField(required=False, **about)
    if hint is str:
        return forms.CharField(required=False, max_length=120, **about)
    least, most = spec.metadata["at_least"], spec.metadata["at_most"]
    if hint is int:
        return forms.IntegerField(min_value=least, max_value=most or 2**31 - 1, **about)
    widget = forms.NumberInput(attrs={"step": "any"})
    return forms.FloatField(min_value=least, max_value=most, widget=widget, **about)
