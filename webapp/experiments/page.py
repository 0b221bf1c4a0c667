"""The parts of the experiment page: every value already words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from retro_core.config import ExperimentConfig
from retro_core.settings_record import SettingsRecord
from webapp import present
from webapp.experiments.curves import CurveTrial
from webapp.experiments.figures import solved_so_far
from webapp.experiments.models import Experiment
from webapp.experiments.progress import Progress

Status = Experiment.Status
ACTIONS = {
    "start": (Status.DRAFT,),
    "resume": (Status.PAUSED, Status.FAILED),
    "pause": (Status.QUEUED, Status.RUNNING),
    "cancel": (Status.DRAFT, Status.QUEUED, Status.RUNNING, Status.PAUSED, Status.FAILED),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A number with its name, unit and a note below."""

    name: str
    value: str
    unit: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One trial of the table below the curve."""

    trial: int
    attempts: str
    solved: str
    success: str
    interval: str
    mean_return: str
    return_interval: str
    n: str


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One configured value."""

    name: str
    value: str
    note: str


def allowed_actions(experiment: Experiment) -> list[str]:
    """What can be done to an experiment in its state."""
    if experiment.source != Experiment.Source.PLAYED:
        # Its agent ends it, unless that died.
        return ["cancel"] if experiment.status == Status.RUNNING else []
    return [name for name, states in ACTIONS.items() if experiment.status in states]


def live_facts(experiment: Experiment, now: Progress) -> list[Fact]:
    """The strip of numbers at the top of the page."""
    share = now.solved / now.total if now.total else None
    facts = [Fact("Solved", present.percent(share), note=f"{now.solved:,} of {now.total:,} tasks")]
    if experiment.is_live:
        lost = f", {now.lost} lost" if now.lost else ""
        facts.append(
            Fact("Being played", str(now.running), "tasks", f"{now.waiting} waiting{lost}")
        )
    if now.done + now.failed < now.total:
        ended = present.count(now.done + now.failed)
        facts.append(Fact("Ended", ended, "tasks", f"{present.percent(now.share_done)} of all"))
    if now.failed:
        facts.append(Fact("Not playable", present.count(now.failed), "tasks", "see the matrix"))
    return facts + _effort(experiment, now)


def _effort(experiment: Experiment, now: Progress) -> list[Fact]:
    """What was spent, and what is still to come."""
    per_episode = f"{now.steps / now.episodes:.1f} an episode" if now.episodes else ""
    facts = [
        Fact("Episodes", present.count(now.episodes)),
        Fact("Steps", present.count(now.steps), note=per_episode),
        Fact("Reflections", present.count(experiment.reflections_count)),
    ]
    if tokens := now.prompt_tokens + now.completion_tokens:
        written = present.short_count(now.completion_tokens)
        facts.append(Fact("Tokens", present.short_count(tokens), note=f"{written} written"))
    if experiment.is_live:
        left = present.duration(now.time_left.total_seconds()) if now.time_left else present.DASH
        facts.append(Fact("Time left", left, note="at the latest pace"))
    elif experiment.started_at and experiment.finished_at:
        took = (experiment.finished_at - experiment.started_at).total_seconds()
        facts.append(Fact("Took", present.duration(took)))
    return facts


def curve_table(points: Iterable[CurveTrial]) -> list[TableRow]:
    """The numbers behind the curve."""
    return [_table_row(point) for point in points]


def area_words(areas: tuple[float, float] | None) -> str:
    """Area under success and under mean return."""
    return f"{areas[0]:.3f} success, {areas[1]:.3f} return" if areas else present.DASH


def _table_row(point: CurveTrial) -> TableRow:
    success, returns = point.success, point.episode_return
    return TableRow(
        trial=point.trial,
        attempts=present.count(point.attempts),
        solved=present.count(solved_so_far(point)),
        success=f"{100 * success.mean:.2f}",
        interval=f"{100 * success.low:.1f} to {100 * success.high:.1f}"
        if success.n
        else present.DASH,
        mean_return=f"{returns.mean:.3f}",
        return_interval=_interval(returns.low, returns.high, ".3f"),
        n=present.count(success.n),
    )


def _interval(low: float, high: float, digits: str) -> str:
    return f"{low:{digits}} to {high:{digits}}"


def setting_groups(config: Mapping[str, Any]) -> dict[str, list[SettingRow]]:
    """The stored configuration by section, with what each setting means."""
    return dict(_groups("experiment", config, ExperimentConfig()))


def _groups(
    title: str, values: Mapping[str, Any], record: SettingsRecord
) -> Iterable[tuple[str, list[SettingRow]]]:
    notes = {spec.name: spec.metadata for spec in fields(record)}
    plain = {name: value for name, value in values.items() if not isinstance(value, Mapping)}
    if plain:
        yield title, [_setting(name, value, notes.get(name, {})) for name, value in plain.items()]
    for name, value in values.items():
        nested = getattr(record, name, None)
        if isinstance(value, Mapping) and isinstance(nested, SettingsRecord):
            yield from _groups(name, value, nested)


def _setting(name: str, value: object, metadata: Mapping[str, Any]) -> SettingRow:
    unit = f" {metadata['unit']}" if metadata.get("unit") else ""
    shown = str(value).lower() if isinstance(value, bool) else str(value) or present.DASH
    note = metadata.get("note", "").removesuffix(" Own.")
    return SettingRow(name.replace("_", " "), f"{shown}{unit}", note)
