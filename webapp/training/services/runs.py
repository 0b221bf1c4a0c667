"""Launching, stopping and resuming training runs. A change of state is one conditional UPDATE."""

from dataclasses import replace

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.text import slugify

from retro_core.errors import InvalidInput
from retro_core.training.spec import RewardKind, RewardSpec, TrainingSpec, check_spec
from webapp import jobs
from webapp.adapters.models import Adapter
from webapp.episodes.models import Reflection
from webapp.experiments.models import Experiment
from webapp.experiments.services import code_version
from webapp.names import taken_once
from webapp.training.models import Pipeline, Snapshot, TrainingRun
from webapp.training.services.base import check_base
from webapp.training.services.chain import awaited, release_next
from webapp.training.services.specs import expected_updates

Status = TrainingRun.Status
POLICY_STAGES = frozenset({"ppo", "grpo"})


@transaction.atomic
def launch(  # noqa: PLR0913  # one for each thing a form asks
    *,
    name: str,
    snapshot: Snapshot,
    spec: TrainingSpec,
    preset: str,
    owner: User | None = None,
    notes: str = "",
    parent: Adapter | None = None,
    reward_model: Adapter | None = None,
    adapter_family: str = "",
) -> TrainingRun:
    """Store a training run and ask a worker for it. Raises InvalidInput."""
    check_launch(spec, parent, reward_model)
    check_retries(spec, snapshot)
    run = add_run(
        name=name,
        snapshot=snapshot,
        spec=spec,
        preset=preset,
        owner=owner,
        notes=notes,
        parent=parent,
        reward_model=reward_model,
        adapter_family=adapter_family,
        status=Status.QUEUED,
    )
    jobs.queue_job(jobs.TRAINING, jobs.TRAIN, run.pk)
    return run


def check_launch(spec: TrainingSpec, parent: Adapter | None, reward_model: Adapter | None) -> None:
    """Refuse what does not fit together: settings, the kinds of adapters. Raises InvalidInput."""
    check_spec(_with_any_paths(spec))
    if parent and parent.kind != Adapter.Kind.POLICY:
        raise InvalidInput(f"{parent} is a reward model: a parent must be a policy.")
    if not needs_reward_model(spec):
        return
    if reward_model is None:
        raise InvalidInput(
            f"The stage {spec.stage} needs a reward model: train one first,"
            " or take the ratings of retries."
        )
    if reward_model.kind != Adapter.Kind.REWARD_MODEL:
        raise InvalidInput(f"{reward_model} is not a reward model.")


def needs_reward_model(spec: TrainingSpec) -> bool:
    """Whether fresh reflections are scored, not played."""
    return spec.stage in POLICY_STAGES and spec.reward.kind == "reward_model"


def check_retries(spec: TrainingSpec, snapshot: Snapshot) -> None:
    """Refuse retries of failures that cannot be played again. Raises InvalidInput."""
    if spec.stage not in POLICY_STAGES or spec.reward.kind != "retries":
        return
    playable = Reflection.objects.filter(experiment__source=Experiment.Source.PLAYED)
    items = snapshot.items.annotate(playable=Exists(playable.filter(pk=OuterRef("reflection_id"))))
    lost = items.filter(playable=False).count()
    if lost:
        raise InvalidInput(
            f"{lost} of {snapshot.items_count} items of {snapshot} cannot be played again: their"
            " experiments were imported, played by a person or deleted. Take a snapshot of"
            " experiments played here, or a reward model."
        )


def add_run(  # noqa: PLR0913
    *,
    name: str,
    snapshot: Snapshot,
    spec: TrainingSpec,
    preset: str,
    status: str,
    owner: User | None = None,
    notes: str = "",
    parent: Adapter | None = None,
    reward_model: Adapter | None = None,
    adapter_family: str = "",
    pipeline: Pipeline | None = None,
    place: int = 0,
) -> TrainingRun:
    """Store the row of a training run. Raises InvalidInput if its name is taken.

    Nor is it stored where no server could load its adapter.
    """
    check_base()
    family = slugify(adapter_family or name)[:60].strip("-_") or spec.stage.replace("_", "-")
    with taken_once("training run", name):
        return TrainingRun.objects.create(
            name=name,
            owner=owner,
            notes=notes,
            stage=spec.stage,
            preset=preset,
            spec=without_paths(spec).to_json(),
            seed=spec.seed,
            code_version=code_version(),
            snapshot=snapshot,
            parent=parent,
            reward_model=reward_model,
            adapter_family=family,
            status=status,
            steps_total=expected_updates(spec, snapshot),
            pipeline=pipeline,
            place=place,
        )


def _with_any_paths(spec: TrainingSpec) -> TrainingSpec:
    """The worker fills paths in; until then any will do."""
    return replace(
        spec,
        dataset=replace(spec.dataset, path="later"),
        base_model=replace(spec.base_model, folder="later"),
        reward=replace(_kept_reward(spec.reward), folder="later", address_file="later"),
    )


def without_paths(spec: TrainingSpec) -> TrainingSpec:
    """The specification as it is kept: the worker fills in the paths of its machine."""
    return replace(
        spec,
        parent_adapter="",
        dataset=replace(spec.dataset, path="", sha256=""),
        base_model=replace(spec.base_model, folder=""),
        reward=_kept_reward(spec.reward),
    )


def _kept_reward(reward: RewardSpec) -> RewardSpec:
    """Functions are for the command line alone: nobody names code to run in a form."""
    kind: RewardKind = "retries" if reward.kind == "retries" else "reward_model"
    return replace(reward, kind=kind, folder="", address_file="", function="", settings="{}")


def stop(run_id: int) -> bool:
    """Ask a live run to save a checkpoint and end; one that waits stops at once."""
    waiting = [Status.WAITING, Status.QUEUED, Status.LOST]
    if TrainingRun.objects.move(
        run_id, to=Status.STOPPED, from_any=waiting, finished_at=timezone.now()
    ):
        return True
    return TrainingRun.objects.move(
        run_id, to=Status.STOPPING, from_any=[Status.STARTING, Status.RUNNING]
    )


def resume(run_id: int) -> bool:
    """Queue a stopped or failed run; it goes on from its newest whole checkpoint.

    A stage that was stopped before its turn in the pipeline waits for it again.
    """
    with transaction.atomic():
        before = awaited(run_id)
        moved = TrainingRun.objects.undeleted().move(
            run_id,
            to=Status.WAITING if before else Status.QUEUED,
            from_any=[Status.STOPPED, Status.FAILED],
            unfinished_claims=0,
            finished_at=None,
        )
        if moved and before:
            release_next(before.pk)
        elif moved:
            jobs.queue_job(jobs.TRAINING, jobs.TRAIN, run_id)
    return moved


def delete(run_id: int) -> bool:
    """Take a run that is at rest off the lists; its adapter and its lineage need the row."""
    at_rest = [Status.STOPPED, Status.FAILED, Status.DONE]
    rows = TrainingRun.objects.undeleted().filter(pk=run_id, status__in=at_rest)
    return bool(rows.update(deleted_at=timezone.now()))


def restore(run_id: int) -> bool:
    """Undo a deletion."""
    rows = TrainingRun.objects.filter(pk=run_id, deleted_at__isnull=False)
    return bool(rows.update(deleted_at=None))
