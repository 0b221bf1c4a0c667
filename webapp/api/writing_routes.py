"""Routes that write: experiments, pushed episodes, reflections, training runs."""

from dataclasses import replace
from typing import Any

from django.db import transaction
from django.shortcuts import get_object_or_404
from ninja.errors import HttpError

from retro_core.config import PRESETS
from retro_core.errors import InvalidInput
from webapp.api import pushed_experiments, pushing, schemas, shows
from webapp.api.auth import TRAIN, WRITE, TokenRequest, owner_of
from webapp.api.router import router
from webapp.experiments.models import Experiment
from webapp.experiments.services import create_experiment, start
from webapp.tasks.models import TaskSet
from webapp.training.models import Snapshot
from webapp.training.services.runs import launch
from webapp.training.services.specs import preset_spec

Json = dict[str, Any]  # checked by the schema of the route
Answer = tuple[int, Json]


@router.post(
    "/experiments",
    auth=WRITE,
    tags=["writing"],
    response={200: schemas.ExperimentOut, 201: schemas.ExperimentOut},
)
def new_experiment(request: TokenRequest, body: schemas.NewExperiment) -> Answer:
    """Make an experiment: one that is played here, or one that takes pushed episodes."""
    make = _played if body.source == "played" else _pushed
    made, is_new = make(request, body)
    fresh = Experiment.objects.select_related("task_set").get(pk=made.pk)
    return 201 if is_new else 200, shows.experiment(fresh)


def _pushed(request: TokenRequest, body: schemas.NewExperiment) -> tuple[Experiment, bool]:
    told = pushed_experiments.Opening(
        name=body.name,
        environment=body.environment,
        method=body.method,
        actor=body.actor,
        trials=body.trials,
        seed=body.seed,
        notes=body.notes,
    )
    return pushed_experiments.open_experiment(told, owner_of(request.auth))


def _played(request: TokenRequest, body: schemas.NewExperiment) -> tuple[Experiment, bool]:
    owner = owner_of(request.auth)
    if body.start and not owner.has_perm("experiments.run_experiment"):
        raise HttpError(403, "Your role here does not allow to start experiments.")
    task_set = TaskSet.objects.filter(name=body.task_set).first()
    if task_set is None:
        raise InvalidInput(f"There is no task set named {body.task_set!r}.")
    if body.preset not in PRESETS:
        raise InvalidInput(f"The presets are {', '.join(PRESETS)}.")
    changed = {"method": body.method, "trials": body.trials, "seed": body.seed}
    with transaction.atomic():
        made = create_experiment(
            name=body.name,
            task_set=task_set,
            config=type(PRESETS[body.preset]).from_json(PRESETS[body.preset].to_json() | changed),
            owner=owner,
            notes=body.notes,
            actor_model=body.actor,
            reflector_model=body.reflector_model,
            adapter=body.adapter,
        )
        if body.start:
            start(made.pk)
    return made, True


@router.post(
    "/experiments/{int:experiment_id}/finish", auth=WRITE, tags=["writing"], response=schemas.Told
)
def finish(request: TokenRequest, experiment_id: int) -> Json:
    """No more episodes will be pushed."""
    experiment = _own(request, experiment_id)
    return {"id": experiment.pk, "is_new": pushed_experiments.finish_experiment(experiment)}


@router.post(
    "/experiments/{int:experiment_id}/episodes", auth=WRITE, tags=["writing"], response=schemas.Told
)
def open_episode(request: TokenRequest, experiment_id: int, body: schemas.OpenedEpisode) -> Json:
    """Begin an episode of a task, or an open one again; the task is made where it is new."""
    experiment = _open(request, experiment_id)
    is_new = pushing.open_episode(
        experiment, body.task_id, body.trial, body.goal, restart=body.restart
    )
    return {"is_new": is_new}


@router.post(
    "/experiments/{int:experiment_id}/steps", auth=WRITE, tags=["writing"], response=schemas.Told
)
def add_steps(request: TokenRequest, experiment_id: int, body: schemas.SentSteps) -> Json:
    """Append steps while the agent plays."""
    experiment = _open(request, experiment_id)
    bodies = [step.dict() for step in body.steps]
    return {
        "is_new": pushing.add_steps(experiment, body.task_id, body.trial, body.first_index, bodies)
    }


@router.post(
    "/experiments/{int:experiment_id}/end", auth=WRITE, tags=["writing"], response=schemas.Told
)
def end_episode(request: TokenRequest, experiment_id: int, body: schemas.EndedEpisode) -> Json:
    """End an episode: it is recorded with its steps, and the curve grows."""
    experiment = _open(request, experiment_id)
    ending = pushing.Ending(
        body.success, body.truncated, body.episode_return, body.final_answer, body.steps_count
    )
    episode, is_new = pushing.end_episode(experiment, body.task_id, body.trial, ending)
    return {"id": episode.pk, "is_new": is_new}


@router.post(
    "/experiments/{int:experiment_id}/reflections",
    auth=WRITE,
    tags=["writing"],
    response=schemas.Told,
)
def add_reflection(request: TokenRequest, experiment_id: int, body: schemas.SentReflection) -> Json:
    """Add the reflection written after a recorded episode; the next episode rates it."""
    experiment = _open(request, experiment_id)
    stored, is_new = pushing.add_reflection(
        experiment, body.task_id, body.trial, body.text, body.prompt
    )
    return {"id": stored.pk, "is_new": is_new}


@router.post("/training-runs", auth=TRAIN, tags=["training"], response={201: schemas.Told})
def new_training_run(request: TokenRequest, body: schemas.NewTrainingRun) -> Answer:
    """Train on a stored snapshot with a preset's settings."""
    snapshot = get_object_or_404(Snapshot, pk=body.snapshot_id)
    spec = replace(preset_spec(body.stage, body.preset), seed=body.seed)
    run = launch(
        name=body.name,
        snapshot=snapshot,
        spec=spec,
        preset=body.preset,
        owner=owner_of(request.auth),
    )
    return 201, {"id": run.pk, "is_new": True}


def _own(request: TokenRequest, experiment_id: int) -> Experiment:
    """The experiment, if the token's owner opened it."""
    experiment = get_object_or_404(Experiment, pk=experiment_id)
    if experiment.owner_id != request.auth.user_id:
        raise HttpError(403, "Only the person who opened an experiment can push to it.")
    return experiment


def _open(request: TokenRequest, experiment_id: int) -> Experiment:
    experiment = _own(request, experiment_id)
    pushed_experiments.check_open(experiment)
    return experiment
