"""From row and settings to parts that play: real clients against a loopback model."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pytest_django.fixtures import Settings

from retro_core.actors.chat import ChatActor
from retro_core.config import PRESETS, EpisodeConfig, ReflectionConfig
from retro_core.envs.alfworld import AlfworldEnv
from retro_core.errors import InvalidInput
from retro_core.llm.retry import pauses
from retro_core.reflectors.tgi import TgiReflector
from tests.workers.lm_server import LoopbackModel, both_endpoints
from webapp.adapters.services.serving import RESTART_SECONDS
from webapp.episodes.models import Episode
from webapp.episodes.records import prompts_of_step
from webapp.experiments import services
from webapp.experiments.models import Experiment
from webapp.tasks.models import TaskSet
from webapp.tasks.services import generate_task_set
from workers.build import REFLECTOR_ENDPOINT, build
from workers.episodes import play_experiment

pytestmark = pytest.mark.django_db(transaction=True)
CONFIG = replace(
    PRESETS["embedded"],
    trials=2,
    episode=EpisodeConfig(max_steps=4),
    reflection=ReflectionConfig(max_tokens=40),
)


@pytest.fixture
def games() -> TaskSet:
    return generate_task_set(environment="alfworld", split="train", count=2, seed=1, name="Two")


@pytest.fixture
def model(settings: Settings) -> Iterator[LoopbackModel]:
    yield from both_endpoints(settings)


def test_an_experiment_is_built_from_its_row_and_the_settings(
    games: TaskSet, model: LoopbackModel
) -> None:
    model.adapters["tuned"] = "a" * 64
    experiment = services.create_experiment(
        name="x", task_set=games, config=CONFIG, actor_model="small", adapter="tuned"
    )

    parts = build(experiment)

    assert isinstance(parts.actor, ChatActor)
    assert parts.actor.model.model == "small"  # type: ignore[attr-defined]
    assert isinstance(parts.reflector, TgiReflector)
    assert parts.reflector.adapter == "tuned"
    assert isinstance(parts.create_env(), AlfworldEnv)
    assert parts.config == CONFIG


def test_the_reflector_is_waited_for_longer_than_a_restart_that_the_studio_asks_for() -> None:
    shortest = min(sum(pauses(REFLECTOR_ENDPOINT, seed)) for seed in range(100))

    assert shortest > RESTART_SECONDS


def test_a_method_without_reflections_needs_no_reflector(games: TaskSet) -> None:
    config = replace(CONFIG, method="resample")

    experiment = services.create_experiment(name="x", task_set=games, config=config)

    assert build(experiment).reflector is None


def test_the_openai_protocol_needs_the_name_of_the_reflectors_model(games: TaskSet) -> None:
    config = replace(CONFIG, reflection=replace(CONFIG.reflection, protocol="openai"))
    experiment = services.create_experiment(name="x", task_set=games, config=config)

    with pytest.raises(InvalidInput, match="model must be named"):
        build(experiment)


def test_a_stored_configuration_of_another_version_is_refused(games: TaskSet) -> None:
    experiment = services.create_experiment(name="x", task_set=games, config=CONFIG)
    experiment.config["colour"] = "red"

    with pytest.raises(InvalidInput, match="Unknown setting 'colour'"):
        build(experiment)


@pytest.mark.usefixtures("broker")
def test_household_games_are_played_over_both_protocols_and_every_prompt_can_be_shown(
    games: TaskSet, model: LoopbackModel
) -> None:
    experiment = services.create_experiment(name="x", task_set=games, config=CONFIG)
    services.start(experiment.pk)

    play_experiment(experiment.pk)

    played = Experiment.objects.get()
    assert (played.status, played.tasks_failed) == ("finished", 0)
    assert played.reflections_count >= 1
    assert model.calls == played.steps_count + played.reflections_count
    for episode in Episode.objects.all():
        for index in range(episode.step_count):
            prompt = prompts_of_step(episode, index)[0]  # raises if its digest differs
            assert prompt[0].role == "system"


def test_the_actor_model_is_the_one_of_the_settings_by_default(
    games: TaskSet, settings: Settings
) -> None:
    settings.ACTOR_MODEL = "household"

    experiment = services.create_experiment(name="x", task_set=games, config=CONFIG)

    assert experiment.actor_model == "household"
