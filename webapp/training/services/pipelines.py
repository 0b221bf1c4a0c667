"""The chain of supervised tuning, reward model and PPO: each stage starts when its parts exist."""

from dataclasses import replace

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.text import capfirst

from retro_core.config import ChatTemplate
from retro_core.training.failures import TrainingFailed
from retro_core.training.spec import Stage, TrainingSpec
from webapp import jobs
from webapp.names import taken_once
from webapp.training.models import Pipeline, Snapshot, TrainingRun
from webapp.training.services.runs import add_run
from webapp.training.services.specs import learned_items, preset_spec

STAGES: tuple[Stage, ...] = ("sft", "reward_model", "ppo")
Status = TrainingRun.Status


@transaction.atomic
def launch_pipeline(
    *,
    name: str,
    snapshot: Snapshot,
    preset: str,
    seed: int,
    most_updates: int | None = None,
    chat_template: ChatTemplate | None = None,
    owner: User | None = None,
) -> Pipeline:
    """Store the three runs and queue the first. Raises InvalidInput.

    `most_updates` ends each stage earlier than its preset does. `chat_template` takes the place of
    the preset's in every stage.
    """
    with taken_once("pipeline", name):
        pipeline = Pipeline.objects.create(name=name, owner=owner, snapshot=snapshot, preset=preset)
    for place, stage in enumerate(STAGES, start=1):
        shorter = shortened(preset_spec(stage, preset), most_updates)
        run = add_run(
            name=f"{name}: {stage.replace('_', ' ')}",
            snapshot=snapshot,
            spec=replace(wrapped(shorter, chat_template), seed=seed),
            preset=preset,
            status=Status.QUEUED if place == 1 else Status.WAITING,
            owner=owner,
            adapter_family=f"{name}-{stage.replace('_', '-')}",
            pipeline=pipeline,
            place=place,
        )
        if place == 1:
            jobs.queue_job(jobs.TRAINING, jobs.TRAIN, run.pk)
    return pipeline


def shortened(spec: TrainingSpec, most_updates: int | None) -> TrainingSpec:
    """The same stage with at most so many updates, the warm-up among them."""
    if most_updates is None:
        return spec
    rates = spec.optimisation
    steps = min(rates.max_steps or most_updates, most_updates)
    warmup = min(rates.warmup_steps, steps - 1)
    return replace(spec, optimisation=replace(rates, max_steps=steps, warmup_steps=warmup))


def wrapped(spec: TrainingSpec, chat_template: ChatTemplate | None) -> TrainingSpec:
    """The same stage with prompts in a chat template; its own where none is named."""
    if chat_template is None:
        return spec
    return replace(spec, tokens=replace(spec.tokens, chat_template=chat_template))


def refusals(snapshot: Snapshot, preset: str) -> list[str]:
    """Why stages of the chain could not learn from this snapshot, one line each."""
    found = []
    for stage in STAGES:
        try:
            learned_items(preset_spec(stage, preset), snapshot)
        except TrainingFailed as error:
            found.append(f"{capfirst(TrainingRun.Stage(stage).label)}: {error.reason}")
    return found
