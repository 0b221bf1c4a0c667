"""What an open page of a running experiment is told every two seconds: only what is new."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.urls import reverse

from webapp.experiments.matrix import played_cell
from webapp.experiments.models import Experiment, ExperimentTask
from webapp.keyset import whole_number

PLAYING_SHOWN = 4
NAME_SHOWN, ACTION_SHOWN = 40, 44
MOST_CELLS = 6  # beyond these the page asks for its matrix again
PLAYING_COLUMNS = (
    "experiment",
    "live_trial",
    "live_step",
    "live_action",
    "task__key",
    "task__goal",
)


@dataclass(frozen=True, slots=True)
class Playing:
    """A task that a worker plays at this moment."""

    task_id: int
    address: str
    name: str
    trial: int
    step: int
    action: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """What a page has seen; as text it is part of the address that the page asks for."""

    status: str
    episodes: int
    tasks_failed: int
    reflections: int
    steps: str

    @classmethod
    def of(cls, experiment: Experiment, playing: Sequence[Playing]) -> "Cursor":
        """Changes when the live part of the page would look different."""
        return cls(
            experiment.status,
            experiment.episodes_count,
            experiment.tasks_failed,
            experiment.reflections_count,
            "_".join(f"{row.task_id}.{row.trial}.{row.step}" for row in playing),
        )

    @classmethod
    def read(cls, text: str) -> "Cursor | None":
        """None for what no page was given."""
        parts = text.split("-")
        numbers = [whole_number(part) for part in parts[1:4]]
        if len(parts) != 5 or None in numbers:
            return None
        episodes, failed, reflections = (number or 0 for number in numbers)
        return cls(parts[0], episodes, failed, reflections, parts[4])

    def __str__(self) -> str:
        counts = f"{self.episodes}-{self.tasks_failed}-{self.reflections}"
        return f"{self.status}-{counts}-{self.steps}"

    @property
    def trials(self) -> set[str]:
        """Which trials are being played, as `task.trial`."""
        return {step.rpartition(".")[0] for step in self.steps.split("_") if step}

    def same_state(self, other: "Cursor | None") -> bool:
        """Whether only numbers changed, and neither buttons nor notices."""
        mine = (self.status, self.tasks_failed)
        return other is not None and mine == (other.status, other.tasks_failed)


def playing_rows(experiment: Experiment) -> list[Playing]:
    """Tasks that a worker plays at this moment, the first few."""
    if not experiment.has_open_tasks:
        return []
    rows = experiment.experiment_tasks.filter(
        live_trial__gt=0, state=ExperimentTask.State.OPEN
    ).select_related("task")
    return [_playing(row) for row in rows.only(*PLAYING_COLUMNS)[:PLAYING_SHOWN]]


def news(experiment: Experiment, seen: Cursor | None, now: Cursor) -> str:
    """The events that wake other parts of the page, as htmx reads them; empty without any."""
    recorded = now.episodes - seen.episodes if seen else MOST_CELLS + 1
    cells = _begun(now.trials - seen.trials) if seen else []
    events: dict[str, object] = {}
    if recorded:
        events["episodes-recorded"] = ""
    if 0 < recorded <= MOST_CELLS:
        cells += _cells(experiment, recorded)
    elif recorded:
        events["many-episodes-recorded"] = ""
    if cells:
        events["cells-changed"] = {"cells": cells}
    if seen is None or now.reflections != seen.reflections:
        events["reflections-written"] = ""
    return json.dumps(events, separators=(",", ":")) if events else ""


def _cells(experiment: Experiment, count: int) -> list[list[object]]:
    """Task, trial, kind, label and address of the newest squares of the matrix."""
    newest = experiment.episodes.order_by("-pk").values_list(
        "task_id", "trial", "pk", "success", "episode_return"
    )[:count]
    found: list[list[object]] = []
    for task_id, trial, pk, success, episode_return in newest:
        cell = played_cell(pk, trial, success=success, episode_return=episode_return)
        found.append([task_id, trial, cell.kind, cell.label, cell.address])
    return found


def _begun(trials: Iterable[str]) -> list[list[object]]:
    """The squares of trials that have just begun."""
    numbers = [trial.split(".") for trial in sorted(trials)]
    return [[int(task), int(trial), "playing", "Being played", ""] for task, trial in numbers]


def _playing(row: ExperimentTask) -> Playing:
    return Playing(
        task_id=row.task_id,
        address=reverse("experiments:task", args=[row.experiment_id, row.task_id]),
        name=_cut(row.task.goal or row.task.key, NAME_SHOWN),
        trial=row.live_trial,
        step=row.live_step,
        action=_cut(row.live_action or "\N{HORIZONTAL ELLIPSIS}", ACTION_SHOWN),
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
