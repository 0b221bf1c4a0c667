"""Figures of reward models on numbers worked out by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from retro_core.training.evaluation import (
    auc,
    auc_with_interval,
    average_ranks,
    calibration,
    measure_reward_model,
    pair_accuracy,
    trial_scores,
)
from retro_core.training.snapshot import Snapshot
from retro_core.training.spec import TrainingSpec
from retro_core.types import RatedReflection

REAL_LOGS = Path(__file__).resolve().parents[2] / "../shared/data/real_logs"


def row(task, trial, rating, text="plan"):
    return RatedReflection(task, "toy", trial, f"{task} failed", text, rating)


def test_the_auc_counts_pairs_in_order_and_half_of_the_ties():
    # Accepted 0.9 and 0.4 against rejected 0.4 and 0.1: wins 1 + 1 + 0.5 + 1 of 4.
    scores = np.array([0.9, 0.4, 0.4, 0.1])
    accepted = np.array([True, True, False, False])

    assert auc(scores, accepted) == pytest.approx(3.5 / 4)
    assert auc(-scores, accepted) == pytest.approx(0.5 / 4)
    assert auc(scores, np.ones(4, dtype=bool)) is None


def test_equal_values_share_their_mean_rank():
    assert average_ranks(np.array([5.0, 1.0, 5.0, 9.0])).tolist() == [2.5, 1.0, 2.5, 4.0]


def test_the_interval_resamples_tasks_and_not_rows():
    # Each task has one accepted and one rejected row in the right order: no resample of tasks
    # can change that, while a resample of rows would.
    scores = np.array([0.9, 0.1] * 5)
    accepted = np.array([True, False] * 5)
    tasks = [f"task-{n // 2}" for n in range(10)]

    told = auc_with_interval(scores, accepted, tasks, resamples=50, seed=0)

    assert told == {"mean": 1.0, "low": 1.0, "high": 1.0}


def test_one_task_gives_no_interval():
    scores, accepted = np.array([0.9, 0.1]), np.array([True, False])

    told = auc_with_interval(scores, accepted, ["a", "a"], resamples=50, seed=4)

    assert told == {"mean": 1.0, "low": None, "high": None}


def test_the_interval_repeats_with_its_seed_and_widens_with_disagreement():
    scores = np.array([0.9, 0.1, 0.2, 0.8])
    accepted = np.array([True, False, True, False])
    tasks = ["a", "a", "b", "b"]

    # Pairs in order: all but accepted 0.2 against rejected 0.8; task b alone gives 0.
    first = auc_with_interval(scores, accepted, tasks, resamples=50, seed=4)

    assert first == auc_with_interval(scores, accepted, tasks, resamples=50, seed=4)
    assert (first["low"], first["mean"], first["high"]) == (0.0, 0.75, 1.0)


def test_calibration_compares_predicted_with_real_shares():
    chances, accepted = np.array([0.05, 0.05, 0.95, 0.95]), np.array([False, True, True, True])

    told = calibration(chances, accepted)

    # Low bin: 0.05 predicted, 0.5 real; high bin: 0.95 predicted, 1.0 real.
    assert told["expected_error"] == pytest.approx(0.5 * 0.45 + 0.5 * 0.05)
    assert told["brier"] == pytest.approx((0.05**2 + 0.95**2 + 0.05**2 + 0.05**2) / 4)
    assert [row["n"] for row in told["bins"]] == [2, 2]


def test_pair_accuracy_counts_ties_as_half():
    better, worse = row("a", 1, 1.0), row("a", 1, 0.0, "other")

    assert pair_accuracy([(better, worse)], lambda row: row.rating) == 1.0
    assert pair_accuracy([(better, worse)], lambda row: 0.0) == 0.5
    assert pair_accuracy([], lambda row: 0.0) is None


def test_the_trial_baseline_learns_its_direction_on_the_training_tasks():
    # In training late trials are accepted; so the held-out late one should score higher.
    late = Snapshot(
        train=(row("a", 1, 0.0), row("a", 2, 1.0)),
        validation=(row("b", 1, 0.0), row("b", 3, 1.0)),
    )
    early = Snapshot(train=(row("a", 1, 1.0), row("a", 2, 0.0)), validation=late.validation)

    assert trial_scores(late, 0.0).tolist() == [1.0, 3.0]
    assert trial_scores(early, 0.0).tolist() == [-1.0, -3.0]


def test_a_model_that_only_learned_how_late_is_seen_beside_the_baseline():
    snapshot = Snapshot(
        train=(row("a", 1, 0.0), row("a", 2, 1.0)),
        validation=tuple(
            row(f"task-{n}", trial, trial - 1.0) for n in range(4) for trial in (1, 2)
        ),
    )
    scores = [float(item.trial) for item in snapshot.validation]

    told = measure_reward_model(snapshot, scores, TrainingSpec(), probabilities=True)

    assert told["auc"]["mean"] == told["trial_auc"]["mean"] == 1.0
    assert told["pair_accuracy"] == told["trial_pair_accuracy"] == 1.0
    assert (told["pairs"], told["pair_kind"]) == (4, "same_task")
    assert (told["rows"], told["tasks"], told["accepted"]) == (8, 4, 4)


@pytest.mark.skipif(not REAL_LOGS.is_dir(), reason="the shared recorded runs are absent")
def test_on_real_logs_the_trial_number_alone_beats_chance():
    rows = real_ratings(REAL_LOGS / "hotpotqa_reflexion.jsonl")
    tasks = sorted({item.task_id for item in rows})
    held = set(tasks[::3])
    snapshot = Snapshot(
        train=tuple(item for item in rows if item.task_id not in held),
        validation=tuple(item for item in rows if item.task_id in held),
    )

    told = measure_reward_model(
        snapshot, [0.0] * len(snapshot.validation), TrainingSpec(), probabilities=False
    )

    assert told["auc"]["mean"] == 0.5
    assert told["calibration"] is None
    assert 0.55 < told["trial_auc"]["mean"] < 0.8


def real_ratings(path):
    """(reflection, later return minus earlier return) of every recorded task."""
    episodes = [json.loads(line) for line in path.read_text().splitlines()]
    by_place = {(item["task_id"], item["trial"]): item for item in episodes}
    return [
        RatedReflection(
            item["task_id"],
            item["environment"],
            item["trial"],
            item.get("goal") or item["task_id"],
            item["reflection"],
            by_place[item["task_id"], item["trial"] + 1]["episode_return"] - item["episode_return"],
        )
        for item in episodes
        if item.get("reflection") and (item["task_id"], item["trial"] + 1) in by_place
    ]
