"""Frozen records of settings: fields with bounds, checked when made, to and from JSON values."""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, is_dataclass
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from retro_core.errors import InvalidInput

# JSON values and dataclass defaults are of any type by nature, hence Any in this module.


def setting(
    default: Any,
    note: str,
    *,
    unit: str = "",
    at_least: float | None = None,
    at_most: float | None = None,
) -> Any:
    """A field of a settings record: its default, what it means, its unit and its bounds."""
    metadata = {"note": note, "unit": unit, "at_least": at_least, "at_most": at_most}
    if is_dataclass(default):
        return field(default_factory=type(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class SettingsRecord:
    """The base of every settings record. Raises InvalidInput that names the bad field."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for spec in fields(self):
            _check_value(spec, hints[spec.name], getattr(self, spec.name))

    def to_json(self) -> dict[str, Any]:
        """JSON values by field name, nested records as mappings."""
        return {spec.name: _plain(getattr(self, spec.name)) for spec in fields(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Build the record; missing fields take their default, unknown ones are refused."""
        if not isinstance(values, Mapping):
            raise InvalidInput(f"{cls.__name__} needs a mapping of settings, not {values!r}.")
        hints = get_type_hints(cls)
        known = [spec.name for spec in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise InvalidInput(f"Unknown setting {unknown[0]!r}; known: {', '.join(known)}.")
        return cls(**{name: _nested(hints[name], name, value) for name, value in values.items()})


def _plain(value: Any) -> Any:
    return value.to_json() if isinstance(value, SettingsRecord) else value


def _nested(hint: Any, name: str, value: Any) -> Any:
    if not (isinstance(hint, type) and issubclass(hint, SettingsRecord)):
        return value
    try:
        return hint.from_json(value)
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error}") from error


def _check_value(spec: "Field[Any]", hint: Any, value: Any) -> None:
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            allowed = ", ".join(repr(word) for word in get_args(hint))
            raise InvalidInput(f"{spec.name} must be one of {allowed}, not {value!r}.")
        return
    if not _has_type(hint, value):
        raise InvalidInput(f"{spec.name} must be {_type_name(hint)}, not {value!r}.")
    _check_bounds(spec, value)


def _has_type(hint: type, value: Any) -> bool:
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, (int, float) if hint is float else hint)


def _type_name(hint: type) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number", str: "text"}.get(
        hint, f"a {hint.__name__}"
    )


def _check_bounds(spec: "Field[Any]", value: Any) -> None:
    least, most = spec.metadata.get("at_least"), spec.metadata.get("at_most")
    too_small = least is not None and not value >= least  # not >= also refuses NaN
    if too_small or (most is not None and value > most):
        unit = f" {spec.metadata['unit']}" if spec.metadata["unit"] else ""
        bounds = f"at least {least}" if most is None else f"{least} to {most}"
        raise InvalidInput(f"{spec.name} must be {bounds}{unit}, not {value!r}.")
