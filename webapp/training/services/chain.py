"""Which run of a pipeline waits for which, and what goes along when its turn comes."""

from django.db import transaction

from webapp import jobs
from webapp.training.models import TrainingRun

Status = TrainingRun.Status
Stage = TrainingRun.Stage


@transaction.atomic
def release_next(run_id: int) -> bool:
    """Queue the run that waited for this one; supervised weights and reward model go along."""
    run = TrainingRun.objects.get(pk=run_id)
    if run.pipeline_id is None or run.adapter_id is None:
        return False
    runs = TrainingRun.objects.filter(pipeline=run.pipeline_id)
    columns: dict[str, object] = {}
    if run.stage == Stage.REWARD_MODEL:
        tuned = runs.get(place=1)
        columns = {"parent": tuned.adapter, "reward_model": run.adapter}
    following = runs.filter(place=run.place + 1).first()
    if following is None:
        return False
    moved = TrainingRun.objects.move(
        following.pk, to=Status.QUEUED, from_any=[Status.WAITING], **columns
    )
    if moved:
        jobs.queue_job(jobs.TRAINING, jobs.TRAIN, following.pk)
    return moved


def awaited(run_id: int) -> TrainingRun | None:
    """The run before a stage that never began, locked: it must not end unseen meanwhile."""
    run = TrainingRun.objects.filter(pk=run_id, place__gt=1, started_at=None).first()
    if run is None:
        return None
    before = TrainingRun.objects.filter(pipeline=run.pipeline_id, place=run.place - 1)
    return before.select_for_update(of=("self",)).first()
