"""An adapter beside its frozen twin: the same tasks, trials and seed, with and without it."""

from dataclasses import dataclass, replace

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count

from retro_core.config import PRESETS, ExperimentConfig, ReflectionConfig
from retro_core.errors import InvalidInput
from webapp.adapters.models import Adapter, Evaluation
from webapp.adapters.services import server
from webapp.adapters.services.lineage import items_behind, runs_behind
from webapp.adapters.services.promoting import probe_prompts
from webapp.adapters.services.trying import trained_template
from webapp.experiments.models import Experiment
from webapp.experiments.services import (
    HOUSEHOLD_WORLD,
    config_of,
    create_experiment,
    free_name,
    start,
)
from webapp.tasks.models import TaskSet
from webapp.training.models import SnapshotItem

UNDER_WAY = (Experiment.Status.QUEUED, Experiment.Status.RUNNING, Experiment.Status.PAUSED)
FORM_OF_PROMPT = (
    *("format", "trajectory", "examples", "plan_lines"),
    *("max_tokens", "prompt_tokens", "temperature", "top_p"),
)


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """What an adapter and its twin play, and with what settings.

    With `best_of_n` the reward model picks the adapter's reflections; the twin writes one each.
    `as_trained` asks both for reflections in the form of those that the adapter learned from.
    """

    task_set: TaskSet
    preset: str
    trials: int
    seed: int
    best_of_n: int = 1
    reward_model: Adapter | None = None
    as_trained: bool = False


def evaluate(adapter: Adapter, request: EvaluationRequest, owner: User | None) -> Evaluation:
    """Create both experiments and start them. Raises InvalidInput.

    Refused where the adapter or the reward model was trained on tasks of the set, or where the same
    evaluation is under way. Whether the adapter is served is asked before: see `check_served`.
    """
    task_set = request.task_set
    check_held_out(adapter, task_set)
    if request.reward_model and request.best_of_n > 1:
        check_held_out(request.reward_model, task_set)
    shared = _shared_config(adapter, request)
    with_adapter = _with_adapter(shared, request)
    title = f"{adapter} on {task_set.name}"[:120]
    with transaction.atomic():
        check_not_under_way(adapter, task_set, with_adapter)
        trained = create_experiment(
            name=free_name(f"{title}, trained"),
            task_set=task_set,
            config=with_adapter,
            owner=owner,
            adapter=adapter.name,
        )
        frozen = create_experiment(
            name=free_name(f"{title}, frozen"),
            task_set=task_set,
            config=replace(shared, method="reflexion"),
            owner=owner,
        )
        for experiment in (trained, frozen):
            start(experiment.pk)
        return Evaluation.objects.create(adapter=adapter, trained=trained, frozen=frozen)


def _shared_config(adapter: Adapter, request: EvaluationRequest) -> ExperimentConfig:
    """The settings of both, but for the method and what picks among reflections."""
    config = replace(PRESETS[request.preset], trials=request.trials, seed=request.seed)
    if not request.as_trained:
        return config
    return replace(config, reflection=asked_in_training(adapter, config.reflection))


def _with_adapter(shared: ExperimentConfig, request: EvaluationRequest) -> ExperimentConfig:
    """The adapter's own. Raises InvalidInput."""
    size, judge = request.best_of_n, request.reward_model
    if size > 1 and judge is None:
        raise InvalidInput("Best of several needs a reward model.")
    name = judge.name if judge and size > 1 else ""
    picked = replace(shared.reflection, best_of_n=size, reward_model=name)
    return replace(shared, method="retroformer", reflection=picked)


def check_served(adapter: Adapter) -> None:
    """Have the server hold the adapter, else the base model would play its games.

    This may take minutes: no transaction should be open around it. Raises InvalidInput.
    """
    if adapter.kind != Adapter.Kind.POLICY:
        raise InvalidInput("A reward model writes no reflections: it cannot play.")
    if not server.load(adapter):
        server.probe(adapter, probe_prompts(adapter), server.ENDPOINT)


def check_not_under_way(adapter: Adapter, task_set: TaskSet, config: ExperimentConfig) -> None:
    """Refuse what a second click would start once more. Raises InvalidInput.

    The adapter's row is locked until the transaction ends, so that two clicks see each other.
    """
    Adapter.objects.select_for_update().get(pk=adapter.pk)
    for done in adapter.evaluations.filter(trained__task_set=task_set).select_related("trained"):
        if done.trained.status in UNDER_WAY and config_of(done.trained) == config:
            raise InvalidInput(f"This evaluation is under way already: {done.trained.name}.")


def asked_in_training(adapter: Adapter, otherwise: ReflectionConfig) -> ReflectionConfig:
    """The settings with the form of the newest prompt that the adapter learned from.

    A prompt with or without a worked example, a digest or steps: to another one than it was
    tuned on a small model answers worse. The chat template is that of the training itself.
    Where no run of this studio made it nothing changes.
    """
    template = trained_template(adapter) or otherwise.chat_template
    asked = replace(otherwise, chat_template=template)
    run = getattr(adapter, "made_by", None)
    items = run.snapshot.items.exclude(reflection=None) if run else SnapshotItem.objects.none()
    newest = items.order_by("-reflection").select_related("reflection__experiment").first()
    experiment = newest.reflection.experiment if newest and newest.reflection else None
    if experiment is None or experiment.source != Experiment.Source.PLAYED:
        return asked
    learned = config_of(experiment).reflection
    return replace(asked, **{name: getattr(learned, name) for name in FORM_OF_PROMPT})


def trained_environment(adapter: Adapter) -> str:
    """The environment of most that the adapter learned from; the household's if that is unknown."""
    run = getattr(adapter, "made_by", None)
    if run is None:
        return HOUSEHOLD_WORLD
    counted = run.snapshot.items.values_list("environment").annotate(items=Count("pk"))
    most: tuple[str, int] | None = counted.order_by("-items").first()
    return most[0] if most else HOUSEHOLD_WORLD


def check_held_out(adapter: Adapter, task_set: TaskSet) -> None:
    """Refuse tasks that the adapter learned from. Raises InvalidInput."""
    shared = trained_tasks(adapter, task_set)
    if shared:
        raise InvalidInput(
            f"{adapter}, or a model behind it, was trained on {shared} tasks of {task_set.name}:"
            " choose a set held out."
        )


def trained_tasks(adapter: Adapter, task_set: TaskSet) -> int:
    """How many tasks of the set the adapter was trained on, or a parent or reward model behind it.

    A reward model that knows the tasks hands on what it knows of them.
    """
    items = items_behind(runs_behind(adapter)).filter(split="train")
    keys = items.filter(environment=task_set.environment).values("task_key")
    return task_set.tasks.filter(key__in=keys).count()
