"""The experiment that holds what one person plays of one task set."""

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef
from django.utils import timezone

from retro_core.config import ActorConfig, EpisodeConfig, ExperimentConfig, ReflectionConfig
from retro_core.envs.base import EnvSpec, env_spec
from retro_core.prompts.texts import load_prompts
from webapp.experiments.models import Experiment, ExperimentTask
from webapp.experiments.services import create_experiment, free_name
from webapp.tasks.models import TaskSet

WAITING = "A person plays it, under Worlds; no worker takes it up."
CONTEXT_TOKENS = 32_000  # a person forgets by themselves
NAME_LENGTH = 160
MODEL_LENGTH = 120


def hand_config(spec: EnvSpec) -> ExperimentConfig:
    """A person is asked as a large chat model is: with worked examples and room for a thought."""
    prompts = load_prompts(spec.prompt_folder)
    examples = sum(bool(prompts.optional(f"example_{number}")) for number in (1, 2))
    return ExperimentConfig(
        method="react",
        trials=spec.default_trials,
        episode=EpisodeConfig(
            max_steps=spec.default_max_steps, examples=examples, context_tokens=CONTEXT_TOKENS
        ),
        actor=ActorConfig(thought_tokens=100),
        reflection=ReflectionConfig(format="free"),
    )


def known_experiment(person: User, task_set: TaskSet) -> Experiment | None:
    """The experiment in which a person plays a task set: the newest that was not cancelled."""
    by_hand = Experiment.objects.unarchived().filter(source=Experiment.Source.HUMAN)
    theirs = by_hand.filter(owner=person, task_set=task_set)
    return theirs.exclude(status=Experiment.Status.CANCELLED).first()


def experiment_of(person: User, task_set: TaskSet) -> Experiment:
    """The person's experiment on a task set, made where missing; within a transaction."""
    TaskSet.objects.select_for_update().get(pk=task_set.pk)  # two clicks make one experiment
    return known_experiment(person, task_set) or _new_experiment(person, task_set)


def _new_experiment(person: User, task_set: TaskSet) -> Experiment:
    ending = f", by hand ({person.get_username()})"[: NAME_LENGTH // 2]
    name = free_name(f"{task_set.name[: NAME_LENGTH - len(ending) - 6]}{ending}")
    experiment = create_experiment(
        name=name,
        task_set=task_set,
        config=hand_config(env_spec(task_set.environment)),
        owner=person,
        notes="Played in the browser by a person, who saw what an agent is sent.",
        actor_model=f"human: {person.get_username()}"[:MODEL_LENGTH],
    )
    experiment.source = Experiment.Source.HUMAN
    experiment.status = Experiment.Status.PAUSED
    experiment.status_message = WAITING
    experiment.started_at = timezone.now()
    experiment.save(update_fields=["source", "status", "status_message", "started_at"])
    return experiment


def finish_if_all_ended(experiment_id: int) -> bool:
    """End the experiment with its last task."""
    open_tasks = ExperimentTask.objects.filter(
        experiment=OuterRef("pk"), state=ExperimentTask.State.OPEN
    )
    ended = Experiment.objects.filter(~Exists(open_tasks), pk=experiment_id)
    waiting = ended.filter(status=Experiment.Status.PAUSED)
    finished = Experiment.Status.FINISHED
    return bool(waiting.update(status=finished, status_message="", finished_at=timezone.now()))
