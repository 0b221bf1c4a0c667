"""An official file from end to end through the product: imported, played, waited for."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from django.contrib.auth.models import User

from retro_core.config import PRESETS, Method
from retro_core.errors import InvalidInput
from webapp.exchange.models import Transfer
from webapp.exchange.requests import ImportKind, ImportRequest
from webapp.exchange.services import ask_for_import
from webapp.experiments.models import Experiment
from webapp.experiments.services import create_experiment, start
from webapp.tasks.models import TaskSet
from webapp.tasks.services import save_task_set

Say = Callable[[str], None]
LOOK_SECONDS = 2.0
BLOCK_BYTES = 1 << 20
AT_REST = {Experiment.Status.FINISHED, Experiment.Status.CANCELLED, Experiment.Status.FAILED}


@dataclass(frozen=True, slots=True)
class OfficialRun:
    """What to play: a file, and how. `count` 0 is all of its tasks; `split` "" its only one."""

    path: Path
    kind: ImportKind
    method: Method = "react"
    trials: int = 1
    count: int = 0
    split: str = ""
    seed: int = 0
    concurrency: int = 8
    preset: str = ""

    @property
    def title(self) -> str:
        """The experiment's name: the same wish is found again and goes on."""
        part = f", first {self.count}" if self.count else ""
        words = f"{self.path.stem}{part}: {self.method}, {self.trials} trials, seed {self.seed}"
        return f"{words}, {self.preset_name}"[:160]

    @property
    def preset_name(self) -> str:
        return self.preset or f"embedded_{self.kind}"


def play_official(run: OfficialRun, say: Say, owner: User | None) -> Experiment:
    """Import the file, play its tasks, and wait. Raises InvalidInput where a part fails."""
    experiment = Experiment.objects.filter(name=run.title).first() or _made(run, say, owner)
    start(experiment.pk)
    said = ""
    while experiment.status not in AT_REST | {Experiment.Status.PAUSED}:
        time.sleep(LOOK_SECONDS)
        experiment.refresh_from_db()
        words = f"{experiment.tasks_ended} of {experiment.tasks_total} tasks ended"
        if words != said:
            say(f"{words}, {experiment.tasks_solved} solved")
            said = words
    if experiment.status != Experiment.Status.FINISHED:
        raise InvalidInput(f"It is {experiment.status}. {experiment.status_message}")
    return experiment


def _made(run: OfficialRun, say: Say, owner: User | None) -> Experiment:
    if run.preset_name not in PRESETS:
        raise InvalidInput(f"The presets are {', '.join(PRESETS)}.")
    preset = PRESETS[run.preset_name]
    return create_experiment(
        name=run.title,
        task_set=_tasks(run, say, owner),
        config=replace(preset, method=run.method, trials=run.trials, seed=run.seed),
        owner=owner,
        concurrency=run.concurrency,
    )


def _tasks(run: OfficialRun, say: Say, owner: User | None) -> TaskSet:
    """The file's task set, or one of its first tasks."""
    whole = _imported(run, say, owner)
    if not run.count:
        return whole
    name = f"{whole.name}, first {run.count}"
    members = whole.members.select_related("task").order_by("position")[: run.count]
    first = [member.task.as_core() for member in members]
    known = TaskSet.objects.filter(name=name).first()
    return known or save_task_set(name, whole.environment, whole.split, first, source=whole.source)


def _imported(run: OfficialRun, say: Say, owner: User | None) -> TaskSet:
    request = ImportRequest(file=run.path.name, kind=run.kind, split=run.split)
    with run.path.open("rb") as file:
        blocks = iter(lambda: file.read(BLOCK_BYTES), b"")
        transfer = ask_for_import(request, owner=owner, chunks=blocks)
    while transfer.is_moving:
        time.sleep(LOOK_SECONDS / 4)
        transfer.refresh_from_db()
    if transfer.status != Transfer.Status.DONE:
        raise InvalidInput(f"The file was not imported: {transfer.message or transfer.report}")
    sets: dict[str, str] = transfer.report["task_sets"]
    say(f"Imported: {', '.join(sets.values())}")
    if len(sets) != 1:
        raise InvalidInput("The file has several splits: choose one.")
    return TaskSet.objects.get(pk=next(iter(sets)))
