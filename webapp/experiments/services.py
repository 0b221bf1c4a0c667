"""Making, starting and stopping experiments. A change of state is one conditional UPDATE."""

import hashlib
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

import retro_core
from retro_core.config import PRESETS, WRITES_REFLECTIONS, ExperimentConfig, Method
from retro_core.envs.base import env_spec
from retro_core.errors import InvalidInput
from webapp import jobs
from webapp.experiments.models import Experiment, ExperimentTask
from webapp.names import taken_once
from webapp.tasks.models import TaskSet
from webapp.tasks.services import generate_task_set

Status = Experiment.Status
ROW_BATCH = 1000
HOUSEHOLD, HOUSEHOLD_WORLD = "household", "alfworld"
KINDS_OF_CODE = ("*.py", "*.txt", "adapter_*.json", "*.safetensors")
EMBEDDED_MODEL = "smollm2-135m-instruct"
SAMPLE_TASK_SET = "Twelve unseen household games"
SAMPLE_METHODS: tuple[Method, ...] = ("reflexion", "resample")
NOTHING_TRAINED = "Nothing trained would take part: name an adapter, or choose reflexion."


@transaction.atomic
def create_experiment(  # noqa: PLR0913  # one for each thing a form asks
    *,
    name: str,
    task_set: TaskSet,
    config: ExperimentConfig,
    owner: User | None = None,
    notes: str = "",
    actor_model: str = "",
    reflector_model: str = "",
    adapter: str = "",
    concurrency: int = 4,
) -> Experiment:
    """Store a draft with a row for each task. Raises InvalidInput.

    An empty `actor_model` is the world's own; an empty `adapter` is the base reflector.
    `reflector_model` is needed only where reflections are asked for over the OpenAI protocol.
    """
    if is_reflexion_renamed(config.method, adapter, config.reflection.best_of_n):
        raise InvalidInput(NOTHING_TRAINED)
    task_ids = _task_ids(task_set)
    reflects = config.method in WRITES_REFLECTIONS
    experiment = Experiment(
        name=name,
        owner=owner,
        notes=notes,
        task_set=task_set,
        environment=task_set.environment,
        actor_model=actor_model or default_actor(task_set.environment),
        reflector_model=reflector_model if reflects else "",
        adapter=adapter if reflects else "",
        concurrency=concurrency,
        code_version=code_version(),
        tasks_total=len(task_ids),
        **columns_of(config),
    )
    with taken_once("experiment", name):
        experiment.save(force_insert=True)
    add_tasks(experiment, task_ids)
    return experiment


def _task_ids(task_set: TaskSet) -> list[int]:
    """Raises InvalidInput where there is none."""
    found = list(task_set.members.order_by("position").values_list("task", flat=True))
    if not found:
        raise InvalidInput(f"The task set {task_set.name!r} is empty.")
    return found


def columns_of(config: ExperimentConfig) -> dict[str, Any]:
    """The configuration, and what lists show and sort by of it."""
    return {
        "method": config.method,
        "trials": config.trials,
        "seed": config.seed,
        "config": config.to_json(),
    }


def is_reflexion_renamed(method: str, adapter: str, best_of_n: int) -> bool:
    """Whether `retroformer` would play as `reflexion` does: no adapter, and nothing to rank."""
    return method == "retroformer" and not adapter and best_of_n == 1


def default_actor(environment: str) -> str:
    """The actor where none is named: the one of the settings.

    The shipped `household` adapter knows household games alone; elsewhere its base model acts.
    """
    out_of_place = settings.ACTOR_MODEL == HOUSEHOLD and environment != HOUSEHOLD_WORLD
    return EMBEDDED_MODEL if out_of_place else settings.ACTOR_MODEL


def add_tasks(experiment: Experiment, task_ids: list[int]) -> None:
    """The rows that workers claim, in the order of the task set."""
    rows = [
        ExperimentTask(experiment=experiment, task_id=task_id, position=position)
        for position, task_id in enumerate(task_ids)
    ]
    ExperimentTask.objects.bulk_create(rows, batch_size=ROW_BATCH)


def config_of(experiment: Experiment) -> ExperimentConfig:
    """The stored configuration; imported experiments have none. Raises InvalidInput."""
    return ExperimentConfig.from_json(experiment.config)


def start(experiment_id: int) -> bool:
    """Queue a draft."""
    return _queue(experiment_id, [Status.DRAFT])


def resume(experiment_id: int) -> bool:
    """Queue a paused or failed experiment; it goes on after the recorded trials."""
    return _queue(experiment_id, [Status.PAUSED, Status.FAILED])


def pause(experiment_id: int) -> bool:
    """Workers notice within a second or two and give their tasks back."""
    played = Experiment.objects.filter(source=Experiment.Source.PLAYED)
    return played.move(experiment_id, to=Status.PAUSED, from_any=[Status.QUEUED, Status.RUNNING])


@transaction.atomic
def cancel(experiment_id: int) -> bool:
    """End it for good; what was recorded stays."""
    open_states = [Status.DRAFT, Status.QUEUED, Status.RUNNING, Status.PAUSED, Status.FAILED]
    drop_begun(experiment_id)
    moved = Experiment.objects.move(experiment_id, to=Status.CANCELLED, from_any=open_states)
    if moved:
        Experiment.objects.filter(pk=experiment_id).update(finished_at=timezone.now())
    else:
        transaction.set_rollback(True)  # what is under way goes on
    return moved


def drop_begun(experiment_id: int) -> None:
    """Forget the trials that are under way: for an experiment that ends in this transaction.

    To be called before the experiment's row is changed: recording a trial locks in this order.
    What is just being opened shows only once the end is stored, and is forgotten then.
    A worker that plays one shows it again until it notices the end, and then gives it back.
    """
    _forget_begun(experiment_id)
    transaction.on_commit(partial(_forget_begun, experiment_id))


@transaction.atomic
def _forget_begun(experiment_id: int) -> None:
    begun = Experiment(pk=experiment_id).open_episodes.order_by("pk")
    shown = Q(live_trial__gt=0) | Q(task__key__in=begun.values("task_key"))
    rows = ExperimentTask.objects.filter(shown, experiment=experiment_id).order_by("pk")
    # A step that is just arriving is waited for; it locks in this order.
    locked = [row.pk for row in rows.select_for_update(of=("self",))]
    list(begun.select_for_update())
    begun.delete()
    live = ExperimentTask.objects.filter(pk__in=locked)
    live.update(live_trial=0, live_step=0, live_action="")


@transaction.atomic
def retry_failed_tasks(experiment_id: int) -> bool:
    """Open the tasks that could not be played again, and queue the experiment."""
    failed = ExperimentTask.objects.filter(
        experiment=experiment_id, state=ExperimentTask.State.FAILED
    )
    stopped = [Status.FINISHED, Status.PAUSED, Status.FAILED]
    if not failed.exists() or not _queue(experiment_id, stopped):
        return False
    failed.update(state=ExperimentTask.State.OPEN, error="", unfinished_claims=0)
    Experiment.objects.filter(pk=experiment_id).update(tasks_failed=0, finished_at=None)
    return True


def archive(experiment_id: int) -> bool:
    """Take it off the lists; a live one must be stopped first."""
    at_rest = Experiment.objects.unarchived().exclude(status__in=[Status.QUEUED, Status.RUNNING])
    return bool(at_rest.filter(pk=experiment_id).update(archived_at=timezone.now()))


def delete(experiment_id: int) -> bool:
    """Remove it with its episodes; a live one must be stopped first."""
    at_rest = Experiment.objects.exclude(status__in=[Status.QUEUED, Status.RUNNING])
    deleted, _ = at_rest.filter(pk=experiment_id).delete()
    return bool(deleted)


def clone_values(experiment: Experiment) -> dict[str, Any]:
    """The arguments of `create_experiment` for another like it, under a free name."""
    return {
        "name": free_name(experiment.name),
        "task_set": experiment.task_set,
        "config": config_of(experiment),
        "notes": experiment.notes,
        "actor_model": _model_like(experiment),
        "reflector_model": experiment.reflector_model,
        "adapter": experiment.adapter,
        "concurrency": experiment.concurrency,
    }


def _model_like(experiment: Experiment) -> str:
    """A person cannot be cloned: their experiment's twin is played by the world's own actor."""
    by_model = experiment.source != Experiment.Source.HUMAN
    return experiment.actor_model if by_model else ""


def free_name(name: str) -> str:
    """The name, or with the first free number behind it: for clones."""
    taken = set(Experiment.objects.filter(name__startswith=name).values_list("name", flat=True))
    numbered = (f"{name} ({number})" for number in range(2, len(taken) + 3))
    return next(option for option in [name, *numbered] if option not in taken)


def ensure_sample_experiment() -> list[Experiment]:
    """On a fresh installation: household games, with reflections and with luck alone, started."""
    with transaction.atomic():
        if TaskSet.objects.exists() or Experiment.objects.exists():
            return []
        task_set = generate_task_set(
            environment="alfworld", split="valid_unseen", count=12, seed=0, name=SAMPLE_TASK_SET
        )
        made = [_sample(task_set, method) for method in SAMPLE_METHODS]
        for experiment in made:
            start(experiment.pk)
    return made


@cache
def code_version() -> str:
    """A digest of the algorithm's code, prompts and actors: equal digests, equal results."""
    root = Path(retro_core.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(path for kind in KINDS_OF_CODE for path in root.rglob(kind)):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _sample(task_set: TaskSet, method: Method) -> Experiment:
    config = replace(PRESETS["embedded"], method=method, trials=3)
    return create_experiment(
        name=f"{env_spec(task_set.environment).title}, {method} (sample)",
        task_set=task_set,
        config=config,
        concurrency=1,  # a newcomer sees the first episode end soonest
        notes="Made on the first start. What reflections add shows beside luck alone: resample.",
    )


def _queue(experiment_id: int, from_any: list[Experiment.Status]) -> bool:
    """Move to QUEUED and ask a worker, after the commit."""
    with transaction.atomic():
        for_workers = Experiment.objects.filter(source=Experiment.Source.PLAYED, deleted_at=None)
        moved = for_workers.move(experiment_id, to=Status.QUEUED, from_any=from_any)
        if moved:
            jobs.queue_job(jobs.EPISODES, jobs.PLAY_EXPERIMENT, experiment_id)
    return moved
