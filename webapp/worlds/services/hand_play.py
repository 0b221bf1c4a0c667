"""A person plays: each decision is one row, and the game is rebuilt from them."""

from django.contrib.auth.models import User
from django.db import transaction

from retro_core import types
from retro_core.actors.base import Decision
from retro_core.actors.person import written
from retro_core.by_hand import Standing, given_up
from retro_core.by_hand import standing as standing_after
from retro_core.config import ExperimentConfig
from retro_core.envs.base import env_spec
from retro_core.errors import InvalidInput, NoRoomForSteps
from retro_core.prompts.reflection import reflection_prompt
from retro_core.prompts.texts import load_prompts
from retro_core.rollout import Trial
from retro_core.storable import storable
from retro_core.trials import next_trial
from webapp.episodes.models import Episode, Reflection
from webapp.episodes.records import past_trials
from webapp.episodes.services import record_episode, record_reflection
from webapp.experiments.models import ExperimentTask
from webapp.experiments.services import config_of
from webapp.tasks.models import TaskSet
from webapp.worlds.models import HandStep, HandTrial
from webapp.worlds.services.hand_experiment import experiment_of, finish_if_all_ended
from webapp.worlds.services.making import env_factory


@transaction.atomic
def begin(person: User, task_set: TaskSet, task_id: int) -> HandTrial:
    """The person's open trial of a task, or its next one. Raises InvalidInput, and keeps nothing.

    A task that has ended, or that the environment refuses, cannot be begun.
    """
    experiment = experiment_of(person, task_set)
    rows = ExperimentTask.objects.select_for_update(of=("self",)).filter(experiment=experiment)
    row = rows.filter(task=task_id).first()
    if row is None:
        raise InvalidInput(f"The task set {task_set.name!r} has no such task.")
    open_trial = row.hand_trials.filter(episode=None).first()
    if open_trial is not None:
        return open_trial
    if row.state != ExperimentTask.State.OPEN:
        raise InvalidInput("You have ended this task: it is solved, or its trials are used up.")
    begun = HandTrial.objects.create(row=row, person=person, trial=row.trials_done + 1)
    standing(begun)
    return begun


def standing(hand_trial: HandTrial) -> Standing:
    """Where the trial stands. Raises InvalidInput, or EndpointUnavailable without a network."""
    return _standing(hand_trial, _decisions(hand_trial))


@transaction.atomic
def act(hand_trial_id: int, *, index: int, thought: str, action: str) -> bool:
    """Record step `index` and play it; False if that step was taken before or the trial ended.

    Nothing is kept of a step that could not be played to its end.
    """
    hand_trial = HandTrial.objects.select_for_update(of=("self",)).get(pk=hand_trial_id)
    before = _decisions(hand_trial)
    if hand_trial.episode_id is not None or index != len(before):
        return False
    taken = written(storable(thought.strip()), storable(action.strip()))
    now = _standing(hand_trial, [*before, taken])
    HandStep.objects.create(
        hand_trial=hand_trial, index=index, thought=taken.thought, action=taken.action
    )
    if now.episode is not None:
        _end(hand_trial, now.episode)
    return True


@transaction.atomic
def give_up(hand_trial_id: int) -> bool:
    """End the trial where it stands; False if it has ended already."""
    hand_trial = HandTrial.objects.select_for_update(of=("self",)).get(pk=hand_trial_id)
    if hand_trial.episode_id is not None:
        return False
    task, trial, _ = _setting(hand_trial)
    _end(hand_trial, given_up(standing(hand_trial), task, trial))
    return True


@transaction.atomic
def reflect(hand_trial: HandTrial, text: str) -> bool:
    """Keep what the person wrote after a failed trial; False if there is a reflection already.

    Raises InvalidInput where the next trial has begun: it was played without this text, so that it
    can neither have been read nor be rated. It keeps no prompt, and so teaches no reflector, where
    a prompt has no room for the trial.
    """
    row = hand_trial.row
    ExperimentTask.objects.select_for_update().get(pk=row.pk)  # `begin` holds it too
    if Reflection.objects.filter(episode=hand_trial.episode_id).exists():
        return False
    following = hand_trial.trial + 1
    if row.hand_trials.filter(trial=following).exists():
        raise InvalidInput(f"Trial {following} has begun: too late for it.")
    past = past_trials(row.experiment_id, row.task_id)[: hand_trial.trial]
    config = config_of(row.experiment)
    prompts = load_prompts(env_spec(row.experiment.environment).prompt_folder)
    earlier = [trial.reflection.text for trial in past if trial.reflection]
    task = row.task.as_core()
    episodes = [trial.episode for trial in past]
    try:
        prompt = reflection_prompt(task, episodes, earlier, config, prompts)
    except NoRoomForSteps:
        prompt = ""
    told = types.Reflection(task.id, hand_trial.trial, prompt, storable(text), source="human")
    return record_reflection(row, told, repeat_share=config.near_repeat_share)


def _decisions(hand_trial: HandTrial) -> list[Decision]:
    steps = HandStep.objects.filter(hand_trial=hand_trial).order_by("index")
    return [written(thought, action) for thought, action in steps.values_list("thought", "action")]


def _standing(hand_trial: HandTrial, decisions: list[Decision]) -> Standing:
    experiment = hand_trial.row.experiment
    task, trial, config = _setting(hand_trial)
    prompts = load_prompts(env_spec(experiment.environment).prompt_folder)
    env = env_factory(experiment.environment, config)()
    return standing_after(env, decisions, task, trial, config=config, prompts=prompts)


def _setting(hand_trial: HandTrial) -> tuple[types.Task, Trial, ExperimentConfig]:
    row = hand_trial.row
    config = config_of(row.experiment)
    task = row.task.as_core()
    prompts = load_prompts(env_spec(row.experiment.environment).prompt_folder)
    past = past_trials(row.experiment_id, row.task_id)[: hand_trial.trial - 1]
    return task, next_trial(task, past, config, prompts), config


def _end(hand_trial: HandTrial, episode: types.Episode) -> None:
    """Record the episode, and with it all that follows."""
    row = hand_trial.row
    record_episode(row, episode)
    hand_trial.episode = Episode.objects.get(
        experiment=row.experiment_id, task=row.task_id, trial=hand_trial.trial
    )
    hand_trial.save(update_fields=["episode"])
    finish_if_all_ended(row.experiment_id)
