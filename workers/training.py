"""The job that trains: one run, one trainer process. It can be queued twice, and be killed."""

import logging
import signal
from dataclasses import replace

from django.conf import settings
from django.db import transaction

from retro_core.errors import InvalidInput
from retro_core.supervisor import service
from retro_core.supervisor.service import Service
from retro_core.training.failures import TrainingFailed, explain
from retro_core.training.launch import TAKEN, TRAINER_ENVIRONMENT, trainer_command
from retro_core.training.outcome import Outcome, read_outcome
from retro_core.training.spec import TrainingSpec
from webapp.adapters.models import Adapter
from webapp.adapters.services.registry import Made, register
from webapp.leases import MAX_UNFINISHED_CLAIMS
from webapp.training.models import TrainingRun
from webapp.training.services.ending import end, fail, finish, give_back
from workers.database import insist
from workers.episodes import stopped_by_signal
from workers.holder import ENDED_WORKERS, holder_name
from workers.training_files import RunFolder, folder_of, last_words, prepare
from workers.training_retries import serving_retries
from workers.training_watch import Watch

log = logging.getLogger(__name__)
Status = TrainingRun.Status


def train(run_id: int) -> None:
    """Train a run to its end; nothing happens if it is not to be trained now."""
    holder = holder_name()
    run = insist(lambda: TrainingRun.objects.claim(run_id, holder))
    if run is None:
        return
    if run.unfinished_claims > MAX_UNFINISHED_CLAIMS:
        reason = f"{ENDED_WORKERS} without getting further. {_told(folder_of(run_id))}"
        insist(lambda: fail(run_id, holder, code="crashed", reason=reason))
        return
    try:
        spec = insist(lambda: prepare(run))
        outcome = _train(run, holder, spec)
        if outcome is not None:
            insist(lambda: _end(run, holder, outcome))
    except (InvalidInput, OSError) as error:
        _fail(run, holder, explain(error))


def _fail(run: TrainingRun, holder: str, error: TrainingFailed) -> None:
    insist(lambda: fail(run.pk, holder, code=error.code, reason=error.reason))


def _train(run: TrainingRun, holder: str, spec: TrainingSpec) -> Outcome | None:
    """Run the trainer; None where the run is no longer ours, or goes on later."""
    folder = folder_of(run.pk)
    if spec.stage in {"ppo", "grpo"} and spec.reward.kind == "retries":
        with serving_retries(run.snapshot_id, folder.retries):
            return _watch(run, holder, spec)
    return _watch(run, holder, spec)


def _watch(run: TrainingRun, holder: str, spec: TrainingSpec) -> Outcome | None:
    folder = folder_of(run.pk)
    trainer = service.start(_trainer(folder, spec))
    watch = Watch(run, holder, trainer, folder.out)
    try:
        with stopped_by_signal(watch.leave):
            exit_code = watch.until_end()
    finally:
        service.kill_session(trainer.pid)
    if watch.lost:
        return None
    if exit_code and (folder.out / TAKEN).exists():
        insist(lambda: give_back(run.pk, holder, to=Status.LOST))
        return None
    outcome = watch.killed_while_stopping() or _outcome(folder, exit_code)
    if watch.leaving and outcome.status == "stopped" and _given_back(run, holder):
        return None
    return outcome


def _outcome(folder: RunFolder, exit_code: int) -> Outcome:
    """How the trainer ended; without a result file, with the last that it said."""
    told = read_outcome(folder.out)
    if told is not None:
        return told
    outcome = read_outcome(folder.out, exit_code)
    assert outcome is not None, "an ended trainer has an outcome"
    if outcome.code != "crashed":
        return outcome
    return replace(outcome, reason=f"{outcome.reason} {_told(folder)}".strip())


def _told(folder: RunFolder) -> str:
    words = last_words(folder)
    return f"Its last words: {words}" if words else "See the log, then resume."


def _given_back(run: TrainingRun, holder: str) -> bool:
    """The worker was asked to end: the run waits for another, unless a person stopped it."""
    return insist(lambda: give_back(run.pk, holder))


def _end(run: TrainingRun, holder: str, outcome: Outcome) -> None:
    match outcome.status:
        case "done":
            _complete(run, holder, outcome)
        case "stopped":
            end(run.pk, holder, status=Status.STOPPED, reason=outcome.reason)
        case "failed":
            fail(run.pk, holder, code=outcome.code, reason=outcome.reason)


@transaction.atomic
def _complete(run: TrainingRun, holder: str, outcome: Outcome) -> None:
    """Adapter and end of the run appear together, and only for the holder."""
    held = TrainingRun.objects.held_by(run.pk, holder).select_for_update(of=("self",)).first()
    if held is None:
        return
    kind = Adapter.Kind.REWARD_MODEL if run.stage == "reward_model" else Adapter.Kind.POLICY
    made = Made(
        kind=kind,
        family=run.adapter_family,
        checksum=outcome.checksum,
        base_sha256=outcome.base_sha256,
        steps=outcome.step,
        parent=run.parent,
        figures=outcome.figures,
    )
    adapter = register(folder_of(run.pk).out / outcome.adapter, made)
    finish(held, holder, adapter, outcome)


def _trainer(folder: RunFolder, spec: TrainingSpec) -> Service:
    """The trainer as a child that ends with this process."""
    return Service(
        name="Trainer",
        command=tuple(trainer_command(folder.spec, folder.out, spec.launch)),
        log=folder.process_log,
        environment={**settings.CHILD_ENVIRONMENT, **TRAINER_ENVIRONMENT},
        folder=settings.BASE_DIR,
        orphan_signal=signal.SIGKILL,
    )
