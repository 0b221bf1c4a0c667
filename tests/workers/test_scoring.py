"""Best of N in a worker: the reward model in a child, its scores kept with the reflection."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from retro_core.config import PRESETS, EpisodeConfig, ReflectionConfig
from retro_core.errors import EndpointUnavailable, InvalidInput
from retro_core.reflectors.best_of_n import BestOfN
from retro_core.training.spec import BaseModelSpec
from tests.webapp.training_world import made_adapter
from tests.workers.lm_server import LoopbackModel, both_endpoints
from webapp.episodes.models import Reflection
from webapp.experiments import services
from webapp.experiments.models import Experiment
from webapp.tasks.models import TaskSet
from webapp.tasks.services import generate_task_set
from workers import scoring
from workers.build import build
from workers.episodes import play_experiment
from workers.scoring import ScoringChild, reward_model

BY_LENGTH = """
import json, sys
for line in sys.stdin:
    sys.stdout.write(json.dumps({"scores": [len(t) for t in json.loads(line)["texts"]]}) + "\\n")
    sys.stdout.flush()
"""
CONFIG = replace(
    PRESETS["embedded"],
    method="retroformer",
    trials=2,
    episode=EpisodeConfig(max_steps=3),
    reflection=ReflectionConfig(max_tokens=40, best_of_n=3, reward_model="judge-v1"),
)


def child(tmp_path: Path, program: str) -> ScoringChild:
    return ScoringChild((sys.executable, "-c", program), {}, tmp_path / "child.log")


def test_a_child_scores_one_question_after_the_other_and_ends_when_closed(tmp_path: Path) -> None:
    score = child(tmp_path, BY_LENGTH)

    scores = [score("why?", ["a plan", "plan"]), score("why?", ["no"])]
    process = score._child
    score.close()

    assert scores == [[6.0, 4.0], [2.0]]
    assert process is not None
    assert process.poll() == 0


def test_a_child_that_cannot_load_its_model_pauses_with_its_words(tmp_path: Path) -> None:
    score = child(tmp_path, 'print(\'{"error": "it is no reward model"}\')')

    with pytest.raises(EndpointUnavailable, match="cannot score: it is no reward model"):
        score("why?", ["a plan"])

    score.close()


def test_a_child_that_dies_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    score = child(tmp_path, "raise SystemExit('out of memory')")

    with pytest.raises(EndpointUnavailable, match="out of memory"):
        score("why?", ["a plan"])


@pytest.mark.django_db
def test_a_reward_model_is_found_by_its_name_in_the_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "base_model", lambda: BaseModelSpec(folder="/models/base"))
    made_adapter(tmp_path / "judge", "judge", kind="reward_model")
    made_adapter(tmp_path / "house", "house")

    command = reward_model("judge-v1")._command

    assert command[:3] == (sys.executable, "-m", "retro_core.training.scoring")
    assert command[4].endswith("/reward-models/judge-v1")
    assert command[5:] == ("--base-model", "/models/base")
    with pytest.raises(InvalidInput, match="none named 'house-v1'"):
        reward_model("house-v1")  # a policy ranks nothing
    with pytest.raises(InvalidInput, match="none named ''"):
        reward_model("")


@pytest.fixture
def model(settings: Settings) -> Iterator[LoopbackModel]:
    yield from both_endpoints(settings)


@pytest.fixture
def games(transactional_db: None) -> TaskSet:
    return generate_task_set(environment="alfworld", split="train", count=2, seed=1, name="Two")


@pytest.mark.usefixtures("broker")
def test_the_best_candidate_is_kept_with_all_scores(
    games: TaskSet, model: LoopbackModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.build.reward_model", lambda name: child(tmp_path, BY_LENGTH))
    experiment = services.create_experiment(name="x", task_set=games, config=CONFIG)
    services.start(experiment.pk)

    play_experiment(experiment.pk)

    assert Experiment.objects.get().status == "finished"
    reflections = list(Reflection.objects.all())
    assert reflections
    for reflection in reflections:
        scores = [one["score"] for one in reflection.candidates]
        assert len(scores) == 3
        assert scores == [len(one["text"]) for one in reflection.candidates]
        assert len(reflection.text) == max(scores)
        assert len({one["seed"] for one in reflection.candidates}) == 3
        assert reflection.source == "model"


def test_only_retroformer_with_several_candidates_ranks(
    games: TaskSet, model: LoopbackModel
) -> None:
    model.adapters["tuned-v1"] = "a" * 64
    plain = replace(CONFIG, method="reflexion")
    one = replace(CONFIG, reflection=replace(CONFIG.reflection, best_of_n=1))

    for number, config in enumerate((plain, one)):
        made = services.create_experiment(
            name=f"x{number}", task_set=games, config=config, adapter="tuned-v1"
        )
        assert not isinstance(build(made).reflector, BestOfN)


def test_a_missing_reward_model_fails_the_experiment_with_the_reason(games: TaskSet) -> None:
    experiment = services.create_experiment(name="x", task_set=games, config=CONFIG)

    with pytest.raises(InvalidInput, match="Best of N needs a reward model"):
        build(experiment)


def test_a_trial_that_is_played_again_needs_no_reward_model(games: TaskSet) -> None:
    experiment = services.create_experiment(name="x", task_set=games, config=CONFIG)

    replayed = build(experiment, reflects=False)

    assert (replayed.reflector, replayed.scorer, replayed.config) == (None, None, CONFIG)
