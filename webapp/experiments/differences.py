"""What two or more experiments were set to otherwise: changed keys only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp import present
from webapp.experiments.models import Experiment

COLUMNS = (
    "environment",
    "method",
    "actor_model",
    "reflector_model",
    "adapter",
    "trials",
    "code_version",
)
NOT_RECORDED = "not recorded"


@dataclass(frozen=True, slots=True)
class ChangedSetting:
    """One key and its value in every experiment; `differs` marks those unlike the first known."""

    name: str
    values: list[tuple[str, bool]]


def changed_settings(experiments: Sequence[Experiment]) -> list[ChangedSetting]:
    """Every setting that experiments are known to differ in, the row's columns first."""
    flat = [dict(settings_of(experiment)) for experiment in experiments]
    names = dict.fromkeys(name for values in flat for name in values)
    changed = []
    for name in names:
        values = [settings.get(name) for settings in flat]
        known = [value for value in values if value is not None]
        if len(set(known)) > 1:
            row = [(value or NOT_RECORDED, value not in (None, known[0])) for value in values]
            changed.append(ChangedSetting(name, row))
    return changed


def settings_of(experiment: Experiment) -> Iterable[tuple[str, str]]:
    """Columns and configuration as flat names and words; imported episodes carry no settings."""
    for name in COLUMNS:
        yield name.replace("_", " "), str(getattr(experiment, name)) or present.DASH
    yield "task set", experiment.task_set.name
    if experiment.source != Experiment.Source.IMPORTED:
        yield "seed", str(experiment.seed)
        known = {"method", "trials", "seed"}
        yield from ((name, value) for name, value in _flat(experiment.config) if name not in known)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _words(value)


def _words(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or present.DASH
