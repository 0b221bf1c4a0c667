"""One claimed task played on from its recorded trials, each result recorded as it comes."""

from collections.abc import Callable
from dataclasses import dataclass

from retro_core.errors import InvalidInput
from retro_core.reflectors.base import Reflector
from retro_core.trials import (
    EpisodeFinished,
    EpisodeStarted,
    Event,
    ReflectionWritten,
    StepTaken,
    run_trials,
)
from webapp.episodes.records import past_trials
from webapp.episodes.services import fail_task, record_episode, record_reflection
from webapp.experiments.models import ExperimentTask
from workers.build import Parts
from workers.database import insist
from workers.recorded import hindsight_reflector, recorded_episode

MayGoOn = Callable[[bool], bool]


@dataclass(slots=True)
class HeldTask:
    """A task that this worker holds, and where its trial stands; once `lost` it stays so."""

    row: ExperimentTask
    lost: bool = False
    trial: int = 0
    step: int = 0
    action: str = ""


def play_task(held: HeldTask, parts: Parts, may_go_on: MayGoOn) -> None:
    """Play until the task ends, or until `may_go_on(between_trials)` says no.

    A trial that is left is played again from its start, with the same seeds. A task that cannot
    be played is marked with the reason; errors of an endpoint rise.
    """
    row = held.row
    prior = insist(lambda: past_trials(row.experiment_id, row.task_id))
    try:
        events = run_trials(
            parts.create_env(),
            parts.actor,
            _reflector(row, parts),
            row.task.as_core(),
            config=parts.config,
            prompts=parts.prompts,
            prior=prior,
            recorded=lambda trial: insist(lambda: recorded_episode(row, parts, trial)),
        )
        for event in events:
            _take(held, event, parts)
            if held.lost or not may_go_on(isinstance(event, EpisodeFinished)):
                return
    except InvalidInput as error:
        reason = str(error)
        insist(lambda: fail_task(row, reason))


def _reflector(row: ExperimentTask, parts: Parts) -> Reflector | None:
    if parts.reflector is None and parts.config.reflection.protocol == "hindsight":
        return insist(lambda: hindsight_reflector(row, parts))
    return parts.reflector


def _take(held: HeldTask, event: Event, parts: Parts) -> None:
    """Record what is finished; note what is under way."""
    match event:
        case EpisodeStarted(trial=trial):
            held.trial, held.step, held.action = trial, 0, ""
        case StepTaken(index=index, step=step):
            held.step, held.action = index + 1, step.action
        case EpisodeFinished(episode=episode):
            held.trial, held.step, held.action = 0, 0, ""
            _record(held, lambda: record_episode(held.row, episode))
        case ReflectionWritten(reflection=reflection):
            share = parts.config.near_repeat_share
            _record(held, lambda: record_reflection(held.row, reflection, repeat_share=share))


def _record(held: HeldTask, unit: Callable[[], bool]) -> None:
    """Where it is recorded already another worker may have played it otherwise.

    What comes next builds on the record, so the task is left for a claim that reads it.
    """
    if not insist(unit):
        held.lost = True
