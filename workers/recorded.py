"""What the record of other experiments gives to a trial: its repetition, or a hindsight plan."""

from dataclasses import replace

from django.db.models import QuerySet

from retro_core.config import ExperimentConfig
from retro_core.errors import InvalidInput
from retro_core.hindsight import HindsightReflector, shortened, solves
from retro_core.prompts.actor import head_messages, observation_text
from retro_core.rollout import Trial
from retro_core.trials import trial_temperature
from retro_core.types import Episode as CoreEpisode
from retro_core.types import Message, Usage
from webapp.episodes.models import Episode
from webapp.episodes.records import as_core
from webapp.experiments.models import ExperimentTask
from webapp.experiments.services import config_of
from workers.build import Parts


def recorded_episode(row: ExperimentTask, parts: Parts, trial: Trial) -> CoreEpisode | None:
    """The episode that playing this trial would only repeat, as this trial's own; costs nothing.

    It has the same prompt head, world, actor, settings, temperature and code, and the same seed
    unless the temperature is 0.
    """
    if not parts.config.reuse:
        return None
    head = _head(row, parts, trial)
    played = _played_on(row)
    played = played.filter(
        experiment__actor_model=row.experiment.actor_model,
        experiment__code_version=row.experiment.code_version,
    )
    for found in played.select_related("experiment", "head", "task").order_by("pk"):
        if _repeats(found, trial, parts.config) and as_core(found).head == head:
            return _as_trial(as_core(found), trial)
    return None


def _played_on(row: ExperimentTask) -> "QuerySet[Episode]":
    """The episodes that the studio played on this task; what was deleted is evidence no longer."""
    kept = Episode.objects.filter(experiment__source="played", experiment__deleted_at=None)
    return kept.filter(task=row.task)


def _head(row: ExperimentTask, parts: Parts, trial: Trial) -> tuple[Message, ...]:
    task = row.task.as_core()
    first, info = parts.create_env().reset(task)
    show = parts.config.episode.show_admissible
    shown = observation_text(first, info.admissible_actions, show=show)
    return head_messages(task, shown, trial.memory, parts.config, parts.prompts)


def _repeats(found: Episode, trial: Trial, config: ExperimentConfig) -> bool:
    other = config_of(found.experiment)
    temperature = trial_temperature(found.trial, other)
    return (
        (other.episode, other.pages, other.shop) == (config.episode, config.pages, config.shop)
        and replace(other.actor, temperature=0.0) == replace(config.actor, temperature=0.0)
        and temperature == trial.temperature
        and (temperature == 0 or found.seed == trial.seed)
        and found.truncation_reason != Episode.Truncation.GIVEN_UP
    )


def _as_trial(episode: CoreEpisode, trial: Trial) -> CoreEpisode:
    steps = tuple(replace(step, usage=Usage()) for step in episode.steps)
    return replace(episode, trial=trial.number, seed=trial.seed, steps=steps)


def hindsight_reflector(row: ExperimentTask, parts: Parts) -> HindsightReflector:
    """The plan of the shortest recorded success of this task. Raises InvalidInput without one."""
    solved = _played_on(row).filter(success=True)
    task = row.task.as_core()
    for found in solved.select_related("task").order_by("step_count", "pk"):
        actions = [step.action for step in as_core(found).steps]
        if solves(parts.create_env, task, actions):
            plan = shortened(parts.create_env, task, actions)
            return HindsightReflector(plan, parts.prompts, parts.config.reflection.plan_lines)
    raise InvalidInput("No recorded success of this task can be repeated: there is no hindsight.")
