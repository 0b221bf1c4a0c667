"""Nothing is played in the name of an adapter that the reflector's server does not hold."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from retro_core.config import PRESETS, EndpointConfig
from retro_core.errors import InvalidInput
from retro_core.llm.tgi import TgiClient
from tests.webapp.training_world import made_adapter
from tests.workers.lm_server import LoopbackModel, both_endpoints
from webapp.experiments import services
from webapp.experiments.models import Experiment
from webapp.tasks.services import generate_task_set
from workers import build
from workers.episodes import play_experiment
from workers.served import check_adapter

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker")]
ONCE = EndpointConfig(attempts=1)


@pytest.fixture
def model(settings: Settings) -> Iterator[LoopbackModel]:
    """A server that reads adapters at its start and tells of none."""
    yield from both_endpoints(settings)


def check(model: LoopbackModel, name: str) -> None:
    check_adapter(TgiClient(model.url, config=ONCE), name)


def played(adapter: str) -> Experiment:
    games = generate_task_set(environment="alfworld", split="train", count=1, seed=1, name="One")
    config = replace(PRESETS["embedded"], trials=1)
    made = services.create_experiment(name="x", task_set=games, config=config, adapter=adapter)
    services.start(made.pk)
    play_experiment(made.pk)
    made.refresh_from_db()
    return made


def test_an_experiment_fails_whose_adapter_the_server_silently_lacks(
    model: LoopbackModel, tmp_path: Path
) -> None:
    late = made_adapter(tmp_path / "late", "late")  # after the server's start

    experiment = played(late.name)

    assert (experiment.status, experiment.episodes_count) == ("failed", 0)
    assert "With late-v1 the server writes the same as without it" in experiment.status_message


def test_an_adapter_that_the_server_read_at_its_start_is_played(
    model: LoopbackModel, tmp_path: Path
) -> None:
    early = made_adapter(tmp_path / "early", "early")
    model.adapters[early.name] = early.weights_sha256

    experiment = played(early.name)

    assert (experiment.status, experiment.episodes_count) == ("finished", 1)


def test_a_name_that_nobody_registered_counts_where_it_changes_what_is_written(
    model: LoopbackModel,
) -> None:
    model.adapters["by-hand"] = "a" * 64

    check(model, "by-hand")

    with pytest.raises(InvalidInput, match="With mistyped the server writes the same"):
        check(model, "mistyped")


def test_a_server_that_lists_its_adapters_is_believed(model: LoopbackModel, tmp_path: Path) -> None:
    house = made_adapter(tmp_path / "house")
    model.lists_adapters = True
    model.adapters = {"by-hand": "a" * 64, house.name: house.weights_sha256}

    check(model, "by-hand")
    check(model, house.name)

    with pytest.raises(InvalidInput, match="neither the registry nor the model server knows it"):
        check(model, "mistyped")
    assert model.calls == 3  # one short question each, and no probe


def test_a_reward_model_is_no_adapter_to_play(model: LoopbackModel, tmp_path: Path) -> None:
    judge = made_adapter(tmp_path / "judge", "judge", kind="reward_model")

    with pytest.raises(InvalidInput, match="A reward model writes no reflections"):
        check(model, judge.name)


def test_a_server_that_stays_away_pauses_the_experiment(
    model: LoopbackModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "REFLECTOR_ENDPOINT", ONCE)
    model.go_away()

    experiment = played("tuned")

    assert experiment.status == "paused"
    assert "is down" in experiment.status_message
    assert "nothing recorded is lost" in experiment.status_message
