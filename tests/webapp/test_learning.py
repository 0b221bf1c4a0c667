"""The learning protocol: every arm on the same tasks and seeds, sizes that fit the trainer."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from retro_core.errors import InvalidInput
from retro_core.training.spec import Stage, check_spec
from tests.webapp.training_world import made_adapter, taken_snapshot
from tests.workers.doors import CONFIG, doors_experiment
from tests.workers.lm_server import LoopbackModel, both_endpoints
from webapp import jobs
from webapp.experiments.models import Experiment
from webapp.learning.protocol import (
    PROTOCOLS,
    base_config,
    control_arms,
    hindsight,
    luck,
    sampling,
    trained_arm,
    training_spec,
)
from webapp.learning.steps import loaded, play
from webapp.training.models import TrainingRun
from webapp.training.services.runs import _with_any_paths, launch
from webapp.training.services.specs import preset_spec

STAGES: tuple[Stage, ...] = ("sft", "reward_model", "ppo", "grpo")


@pytest.mark.parametrize("form", sorted(PROTOCOLS))
@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_of_every_form_can_be_trained(form: str, stage: Stage) -> None:
    check_spec(_with_any_paths(training_spec(PROTOCOLS[form], stage)))


@pytest.mark.parametrize("stage", STAGES)
def test_training_cuts_no_reflection_that_the_protocol_lets_be_written(stage: Stage) -> None:
    small = PROTOCOLS["small"]

    longest = training_spec(small, stage).tokens.completion
    assert longest > base_config(small).reflection.max_tokens


@pytest.mark.parametrize("form", sorted(PROTOCOLS))
def test_arms_differ_in_method_alone_but_for_the_luck_control(form: str) -> None:
    arms = control_arms(PROTOCOLS[form]) | {"trained": trained_arm(PROTOCOLS[form])}

    assert all(config.method == name for name, config in arms.items() if name != "trained")
    resample = arms.pop("resample")
    assert len({replace(config, method="react") for config in arms.values()}) == 1
    assert resample.actor.temperature > 0 == arms["react"].actor.temperature


def test_training_and_unseen_tasks_come_from_other_seeds_and_the_same_first_trial() -> None:
    small = PROTOCOLS["small"]

    assert small.train_seed != small.unseen_seed
    first, second = sampling(small, 0), sampling(small, 1)
    assert first.reflection.sample != second.reflection.sample
    assert replace(second, reflection=first.reflection) == first
    assert hindsight(small).reflection.protocol == "hindsight"
    assert luck(small, 3).method == "resample"


def test_a_draw_and_its_hindsight_share_the_first_trial() -> None:
    small = PROTOCOLS["small"]

    for draw in range(small.luck_draws):
        played, reflected = luck(small, 1, draw), hindsight(small, draw)
        assert (played.actor, played.seed) == (reflected.actor, reflected.seed)
    assert len({luck(small, 1, draw).seed for draw in range(small.luck_draws)}) == small.luck_draws


@pytest.fixture
def tgi(settings: Settings) -> Iterator[LoopbackModel]:
    settings.REFLECTOR_BASE_FOLDER = "/models/served"
    yield from both_endpoints(settings)


@pytest.mark.django_db
@pytest.mark.usefixtures("broker", "tgi")
def test_an_adapter_that_its_server_does_not_hold_ends_the_measurement(
    tmp_path: Path,
) -> None:
    spec = preset_spec("sft", "cpu-small")
    run = launch(name="it", snapshot=taken_snapshot(), spec=spec, preset="cpu-small")
    TrainingRun.objects.filter(pk=run.pk).update(adapter=made_adapter(tmp_path / "a"))

    with pytest.raises(InvalidInput, match="house-v1 the server writes the same as without"):
        loaded(run)


@pytest.mark.django_db
def test_a_paused_part_goes_on_instead_of_ending_the_measurement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "_enqueue", lambda *_: None)
    paused = doors_experiment()
    Experiment.objects.update(status=Experiment.Status.PAUSED)

    found = play(paused.name, paused.task_set, CONFIG)

    found.refresh_from_db()
    assert (found.pk, found.status) == (paused.pk, Experiment.Status.QUEUED)


@pytest.mark.django_db
def test_games_of_another_version_are_not_set_beside_new_ones() -> None:
    played = doors_experiment()
    Experiment.objects.update(code_version="earlier")

    with pytest.raises(InvalidInput, match="begun by another version of the studio"):
        play(played.name, played.task_set, CONFIG)
