"""Replays differ in one reflection alone, and their difference is worked out by hand."""

import pytest

from retro_core.config import ExperimentConfig
from retro_core.counterfactual import difference, planned_replays
from retro_core.errors import InvalidInput
from retro_core.trials import PastTrial, trial_seed
from retro_core.types import Episode, Reflection
from tests.toy_world import doors_prompts, doors_task

TASK = doors_task("open green", "doors-1")
CONFIG = ExperimentConfig(method="reflexion", trials=3, seed=5)


def past(*texts: str) -> list[PastTrial]:
    trials = []
    for number, text in enumerate(texts, start=1):
        ended = {"success": False, "terminated": False, "truncated": True}
        episode = Episode(task_id=TASK.id, trial=number, seed=number, head=(), steps=(), **ended)
        trials.append(PastTrial(episode, Reflection(TASK.id, number, "What?", text)))
    return trials


def plan(trials: list[PastTrial], config: ExperimentConfig = CONFIG, pairs: int = 2):
    prompts = doors_prompts()
    return planned_replays(
        TASK, trials, pairs=pairs, temperature=0.5, config=config, prompts=prompts
    )


def test_the_arms_of_a_pair_share_their_seed_and_differ_in_the_newest_reflection() -> None:
    planned = plan(past("Try red.", "Try green."))

    assert [(one.pair, one.shown) for one in planned] == [
        (0, True),
        (0, False),
        (1, True),
        (1, False),
    ]
    assert planned[0].trial.memory == ("Try red.", "Try green.")
    assert planned[1].trial.memory == ("Try red.",)
    seeds = [one.trial.seed for one in planned]
    assert seeds[0] == seeds[1] == trial_seed(TASK.id, 3, CONFIG)
    assert seeds[2] == seeds[3] != seeds[0]
    assert {one.trial.number for one in planned} == {3}
    assert {one.trial.temperature for one in planned} == {0.5}


def test_an_older_reflection_does_not_move_into_the_gap() -> None:
    config = ExperimentConfig(
        method="reflexion", trials=9, memory_size=1, memory_policy="last_k_distinct"
    )

    planned = plan(past("Try red.", "Leave at once."), config)

    assert planned[0].trial.memory == ("Leave at once.",)
    assert planned[1].trial.memory == ()


def test_a_method_that_shows_no_reflections_is_refused() -> None:
    with pytest.raises(InvalidInput, match="resample"):
        plan(past("Try red."), ExperimentConfig(method="resample", trials=3))
    with pytest.raises(InvalidInput, match="no reflection"):
        plan([])


def test_the_difference_is_the_mean_of_the_pairs_with_students_interval() -> None:
    # Gains 1, 0, 1, 0: mean 0.5, deviation 0.57735, t(3) 3.182, so 0.5 +- 3.182 * 0.288675.
    returns = {(0, True): 1.0, (0, False): 0.0, (1, True): 0.0, (1, False): 0.0}
    returns |= {(2, True): 1.0, (2, False): 0.0, (3, True): 1.0, (3, False): 1.0}

    found = difference(returns)

    assert found.mean == 0.5
    assert found.low == pytest.approx(-0.4186, abs=1e-4)
    assert found.high == pytest.approx(1.4186, abs=1e-4)


def test_half_a_pair_counts_for_nothing_and_one_pair_has_no_interval() -> None:
    found = difference({(0, True): 1.0, (0, False): 0.25, (1, True): 1.0})

    assert (found.mean, found.low, found.high) == (0.75, None, None)
    with pytest.raises(InvalidInput):
        difference({(0, True): 1.0})
