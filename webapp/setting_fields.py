"""Form fields made from a settings record, with their notes, units and bounds."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, fields
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from django import forms

from retro_core.settings_record import SettingsRecord

SEPARATOR = "__"
NOT_THE_PAPERS = " Own."  # how a note says so; people are not asked to know


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting with the name of its form field: `episode__max_steps`."""

    name: str
    section: str
    unit: str
    form_field: forms.Field


@dataclass(frozen=True, slots=True)
class Style:
    """How a form asks: where settings without a section stand, its words, its longest text."""

    top: str
    longest: int
    words: Mapping[str, str]


class SettingsForm(forms.Form):
    """A form with the settings of a record in a fold, all but those that it shows above."""

    shown_above: ClassVar[Collection[str]] = ()
    setting_list: list[SettingField]

    def add_settings(self, settings: Iterable[SettingField]) -> None:
        """Ask these too."""
        self.setting_list = list(settings)
        self.fields |= {setting.name: setting.form_field for setting in self.setting_list}

    @property
    def sections(self) -> Iterator[tuple[str, list[tuple[forms.BoundField, str]]]]:
        """The advanced settings by section, each with its unit."""
        folded = [setting for setting in self.setting_list if setting.name not in self.shown_above]
        for name in dict.fromkeys(setting.section for setting in folded):
            inside = [setting for setting in folded if setting.section == name]
            yield name.replace("_", " "), [(self[setting.name], setting.unit) for setting in inside]

    @property
    def has_advanced_errors(self) -> bool:
        """Whether the fold must open to show an error."""
        return any(setting.name in self.errors for setting in self.setting_list)


def fields_of(record: SettingsRecord, style: Style, section: str = "") -> Iterator[SettingField]:
    """Every setting of a record and of the records in it, with the record's values to begin."""
    hints = get_type_hints(type(record))
    for spec in fields(record):
        value = getattr(record, spec.name)
        if isinstance(value, SettingsRecord):
            yield from fields_of(value, style, spec.name)
        else:
            name = f"{section}{SEPARATOR}{spec.name}" if section else spec.name
            field = _form_field(spec, hints[spec.name], value, style)
            yield SettingField(name, section or style.top, spec.metadata["unit"], field)


def flat(record: SettingsRecord) -> dict[str, Any]:
    """A record as form values."""
    return dict(_flat(record.to_json(), ""))


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Form values as the JSON of a record."""
    built: dict[str, Any] = {}
    for name, value in values.items():
        section, separator, inner = name.partition(SEPARATOR)
        if separator:
            built.setdefault(section, {})[inner] = value
        else:
            built[name] = value
    return built


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}{SEPARATOR}")
        else:
            yield f"{prefix}{name}", value


def _form_field(spec: "Field[Any]", hint: Any, default: Any, style: Style) -> forms.Field:
    about: dict[str, Any] = {
        "label": spec.name.replace("_", " ").capitalize(),
        "help_text": spec.metadata["note"].removesuffix(NOT_THE_PAPERS),
        "initial": default,
    }
    if get_origin(hint) is Literal:
        words = get_args(hint)
        choices = [(word, style.words.get(word, word.replace("_", " "))) for word in words]
        return forms.ChoiceField(choices=choices, required="" not in words, **about)
    if hint is bool:
        return forms.BooleanField(required=False, **about)
    if hint is str:
        return forms.CharField(required=bool(default), max_length=style.longest, **about)
    least, most = spec.metadata["at_least"], spec.metadata["at_most"]
    if hint is int:
        return forms.IntegerField(min_value=least, max_value=most or 2**31 - 1, **about)
    widget = forms.NumberInput(attrs={"step": "any"})
    return forms.FloatField(min_value=least, max_value=most, widget=widget, **about)
