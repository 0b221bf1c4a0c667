"""The learning protocol: every arm on the same tasks and seeds, sizes that fit the trainer."""

from dataclasses import replace

import pytest

from retro_core.training.spec import Stage, check_spec
from tests.workers.doors import CONFIG, doors_experiment
from webapp import jobs
from webapp.experiments.models import Experiment
from webapp.learning.protocol import (
    PROTOCOLS,
    control_arms,
    hindsight,
    luck,
    sampling,
    trained_arm,
    training_spec,
)
from webapp.learning.steps import play
from webapp.training.services.runs import _with_any_paths

STAGES: tuple[Stage, ...] = ("sft", "reward_model", "ppo", "grpo")


@pytest.mark.parametrize("form", sorted(PROTOCOLS))
@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_of_every_form_can_be_trained(form: str, stage: Stage) -> None:
    check_spec(_with_any_paths(training_spec(PROTOCOLS[form], stage)))


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


@pytest.mark.django_db
def test_a_paused_part_goes_on_instead_of_ending_the_measurement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "_enqueue_play", lambda _: None)
    paused = doors_experiment()
    Experiment.objects.update(status=Experiment.Status.PAUSED)

    found = play(paused.name, paused.task_set, CONFIG)

    found.refresh_from_db()
    assert (found.pk, found.status) == (paused.pk, Experiment.Status.QUEUED)
