"""Experiments that take a foreign agent's episodes: opened, and ended by the agent."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from retro_core.config import ExperimentConfig, Method
from retro_core.errors import InvalidInput
from webapp.api.errors import Conflict
from webapp.experiments.models import Experiment
from webapp.experiments.services import columns_of, drop_begun
from webapp.tasks.models import TaskSet
from webapp.tasks.services import IMPORTED_SPLIT

Status = Experiment.Status


@dataclass(frozen=True, slots=True)
class Opening:
    """What is told of an experiment that takes pushed episodes."""

    name: str
    environment: str
    method: Method
    actor: str
    trials: int
    seed: int
    notes: str


@transaction.atomic
def open_experiment(told: Opening, owner: User) -> tuple[Experiment, bool]:
    """An experiment that takes pushed episodes; the same again is found, not made twice."""
    if not told.environment.strip():
        raise InvalidInput("environment is needed: the world that the agent plays in.")
    wanted = (told.environment, told.method, told.actor, owner.pk)
    stored = Experiment.objects.filter(name=told.name).first()
    if stored is not None:
        return _if_same(stored, wanted), False
    made = _unsaved(told, owner)
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:  # another process of the agent was first
        return _if_same(Experiment.objects.get(name=told.name), wanted), False
    return made, True


def _unsaved(told: Opening, owner: User) -> Experiment:
    task_set, is_new = TaskSet.objects.get_or_create(
        name=f"{told.name[:100]} (imported)",
        defaults={"environment": told.environment, "split": IMPORTED_SPLIT, "source": "pushed"},
    )
    if not is_new and task_set.environment != told.environment:
        raise Conflict(f"The task set {task_set.name!r} is of another environment.")
    return Experiment(
        name=told.name,
        owner=owner,
        notes=told.notes,
        task_set=task_set,
        environment=told.environment,
        actor_model=told.actor,
        source=Experiment.Source.IMPORTED,
        status=Status.RUNNING,
        started_at=timezone.now(),
        **columns_of(ExperimentConfig(method=told.method, trials=told.trials, seed=told.seed)),
    )


def _if_same(stored: Experiment, wanted: tuple[str, str, str, int]) -> Experiment:
    same = (stored.environment, stored.method, stored.actor_model, stored.owner_id) == wanted
    if not same or not stored.takes_pushes:
        raise Conflict(f"There is another experiment named {stored.name!r}.")
    return stored


def check_open(experiment: Experiment) -> None:
    """Raises Conflict where it takes no episodes."""
    if not experiment.takes_pushes:
        raise Conflict("This experiment takes no pushed episodes, or was finished.")


@transaction.atomic
def finish_experiment(experiment: Experiment) -> bool:
    """No more episodes will come; False if it was finished before."""
    running = Experiment.objects.filter(
        pk=experiment.pk, status=Status.RUNNING, source=Experiment.Source.IMPORTED
    )
    drop_begun(experiment.pk)
    moved = running.update(status=Status.FINISHED, finished_at=timezone.now())
    if not moved:
        transaction.set_rollback(True)
    return bool(moved)
