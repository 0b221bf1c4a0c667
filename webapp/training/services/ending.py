"""What a worker writes down of a run that it holds: that it trains, that it ended, and how."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from retro_core.training.outcome import Outcome
from webapp import jobs
from webapp.adapters.models import Adapter
from webapp.training.models import TrainingRun
from webapp.training.services.chain import release_next

Status = TrainingRun.Status


def end(run_id: int, holder: str, *, status: str, **columns: Any) -> bool:
    """Let go of a run in good order; False if another worker holds it by now."""
    return TrainingRun.objects.let_go(
        run_id,
        holder,
        status=status,
        unfinished_claims=0,
        finished_at=timezone.now(),
        **columns,
    )


def give_back(run_id: int, holder: str, *, to: str = Status.QUEUED) -> bool:
    """Let another worker go on from the newest checkpoint; a stop asked for is kept."""
    not_stopping = TrainingRun.objects.exclude(status=Status.STOPPING)
    # A worker that was asked to leave did not crash over the run; one that lost it may have.
    forgiven = {"unfinished_claims": 0} if to == Status.QUEUED else {}
    with transaction.atomic():
        given = not_stopping.let_go(run_id, holder, status=to, **forgiven)
        if given:
            jobs.queue_job(jobs.TRAINING, jobs.TRAIN, run_id)
    return given


def fail(run_id: int, holder: str, *, code: str, reason: str) -> bool:
    """End it as failed, with a reason that a person can act on."""
    return end(run_id, holder, status=Status.FAILED, failure_code=code, reason=reason)


def finish(run: TrainingRun, holder: str, adapter: Adapter, outcome: Outcome) -> bool:
    """End it as done, and start what waited for it."""
    done = end(run.pk, holder, status=Status.DONE, adapter=adapter, step=outcome.step, reason="")
    if done:
        release_next(run.pk)
    return done
