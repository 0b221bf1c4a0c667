"""The steps of a measurement, each made where it is missing and left alone where it is there."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from django.utils.text import slugify

from retro_core.config import ExperimentConfig
from retro_core.errors import InvalidInput
from retro_core.training.spec import Stage
from webapp.adapters.models import Adapter
from webapp.adapters.services.evaluating import check_served
from webapp.experiments.models import Experiment
from webapp.experiments.services import code_version, create_experiment, resume, start
from webapp.learning import protocol as parts
from webapp.learning.protocol import Protocol
from webapp.tasks.models import Task, TaskSet
from webapp.tasks.services import save_task_set
from webapp.training.models import Snapshot, TrainingRun
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.runs import launch
from webapp.training.services.snapshots import freeze

Say = Callable[[str], None]
WORLD = "alfworld"
LOOK_SECONDS = 2.0
CONCURRENCY = 16  # what the embedded LM server computes at a time
GONE_WRONG = {"paused", "cancelled", "failed", "stopped"}


def task_set(protocol: Protocol, part: str, tasks: list[Task], *, source: str) -> TaskSet:
    """A task set of some tasks of the training split."""
    name = protocol.title(part)
    return TaskSet.objects.filter(name=name).first() or save_task_set(
        name, WORLD, protocol.train_split, [task.as_core() for task in tasks], source=source
    )


def snapshot(protocol: Protocol, part: str, query: BufferQuery) -> Snapshot:
    """The ratings that the query finds, frozen."""
    name = protocol.title(part)
    return Snapshot.objects.filter(name=name).first() or freeze(query, name=name)


def train(
    protocol: Protocol,
    stage: Stage,
    snapshot: Snapshot,
    *,
    part: str = "",
    parent: Adapter | None = None,
    reward_model: Adapter | None = None,
) -> TrainingRun:
    """A training run of the stage, launched; `part` tells runs of one stage apart."""
    words = " ".join([stage.replace("_", " "), *part.split()])
    name = protocol.title(words)
    made_before = TrainingRun.objects.filter(name=name).first()
    return made_before or launch(
        name=name,
        snapshot=snapshot,
        spec=parts.training_spec(protocol, stage),
        preset="cpu-small",
        adapter_family=slugify(f"learn {protocol.name} {words}"),
        parent=parent,
        reward_model=reward_model,
    )


def made(run: TrainingRun) -> Adapter:
    """The adapter of a finished run. Raises InvalidInput with the run's reason without one."""
    run.refresh_from_db()
    if run.adapter is None:
        raise InvalidInput(f"{run.name} made no adapter: {run.status}. {run.reason}")
    return run.adapter


def loaded(run: TrainingRun) -> Adapter:
    """The adapter of a finished run, in the LM server. Raises InvalidInput if it is not there."""
    adapter = made(run)
    check_served(adapter)
    return adapter


def play(name: str, tasks: TaskSet, config: ExperimentConfig, adapter: str = "") -> Experiment:
    """The experiment of that name, started; one that was paused goes on."""
    made_before = Experiment.objects.filter(name=name).first()
    if made_before:
        _check_version(made_before)
        if made_before.status == Experiment.Status.PAUSED:
            resume(made_before.pk)
        return made_before
    experiment = create_experiment(
        name=name,
        task_set=tasks,
        config=replace(config),
        adapter=adapter,
        concurrency=CONCURRENCY,
    )
    start(experiment.pk)
    return experiment


def _check_version(experiment: Experiment) -> None:
    """Arms of two versions of the code or of the actor's weights cannot be set beside each other.

    Raises InvalidInput where this one was made by another version.
    """
    if experiment.code_version != code_version():
        raise InvalidInput(
            f"{experiment.name} was begun by another version of the studio"
            f" ({experiment.code_version}, now {code_version()}): its games and new ones cannot be"
            " compared. Go on with that version, or begin again with another STUDIO_DATA_DIR."
        )


def wait(rows: Iterable[Experiment | TrainingRun], say: Say) -> None:
    """Until all have ended well; says how far each is when that changes."""
    waiting, said = list(rows), ""
    while waiting:
        for row in waiting:
            row.refresh_from_db()
            if row.status in GONE_WRONG:
                reason = getattr(row, "status_message", "") or getattr(row, "reason", "")
                raise InvalidInput(f"{row.name} is {row.status}. {reason} Mend it and start again.")
        waiting = [row for row in waiting if row.status not in {"finished", "done"}]
        words = "; ".join(_progress(row) for row in waiting[:3])
        if words and words != said:
            say(words)
            said = words
        if waiting:
            time.sleep(LOOK_SECONDS)


def _progress(row: Experiment | TrainingRun) -> str:
    if isinstance(row, Experiment):
        return f"{row.name}: {row.tasks_ended} of {row.tasks_total} tasks"
    return f"{row.name}: {row.status}, step {row.step}"
