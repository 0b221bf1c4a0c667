"""A small head on frozen features: what people's ratings change, on data made to show it."""

import numpy as np
import pytest

from retro_core.refit import (
    FOLDS,
    RatedFeatures,
    auc_gain,
    effect_of_people,
    folds_by_task,
    held_out_scores,
    rank_moves,
)


def rows(automatic_tells: bool, count: int = 120) -> list[RatedFeatures]:
    """The first feature tells the effective rating; the automatic one is it, or its opposite."""
    random = np.random.default_rng(0)
    made = []
    for place in range(count):
        good = place % 2
        vector = random.normal(size=5)
        vector[0] += 3 * good
        said = float(good if automatic_tells else 1 - good)
        made.append(
            RatedFeatures(place, vector, said, float(good), trial=1, task=f"task-{place // 3}")
        )
    return made


def test_a_head_taught_by_people_beats_one_taught_by_wrong_automatic_ratings() -> None:
    found = effect_of_people(rows(automatic_tells=False))

    assert found["with"]["mean"] > 0.95
    assert found["without"]["mean"] < 0.05
    assert found["gain"]["mean"] == pytest.approx(found["with"]["mean"] - found["without"]["mean"])
    assert found["gain"]["low"] > 0.8
    assert found["trial"]["mean"] == 0.5
    assert abs(found["moves"][0]["after"] - found["moves"][0]["before"]) > 0.5


def test_where_people_changed_nothing_nothing_moves() -> None:
    found = effect_of_people(rows(automatic_tells=True))

    assert found["with"] == found["without"]
    assert (found["gain"]["low"], found["gain"]["high"]) == (0.0, 0.0)
    assert found["moves"] == []


def test_one_class_alone_has_no_auc() -> None:
    one = [
        RatedFeatures(n, np.array([float(n), 1.0]), 0.0, 0.0, trial=1, task=str(n))
        for n in range(10)
    ]

    found = effect_of_people(one)

    assert found["with"] == {"mean": None, "low": None, "high": None}
    assert found["gain"]["mean"] is None


def test_one_task_gives_no_interval_of_the_gain() -> None:
    before, after = np.array([0.1, 0.9]), np.array([0.9, 0.1])  # from the wrong order to the right
    truth = np.array([True, False])

    found = auc_gain(before, after, truth, ["a", "a"], seed=0)

    assert found == {"mean": 1.0, "low": None, "high": None}


def test_the_rows_of_a_task_share_their_fold_and_every_fold_is_used() -> None:
    tasks = [f"task-{n // 4}" for n in range(80)]

    folds = folds_by_task(tasks, seed=3)

    assert all(len({folds[n] for n in range(80) if tasks[n] == name}) == 1 for name in set(tasks))
    assert set(folds) == set(range(FOLDS))


def test_a_row_is_scored_by_a_head_that_saw_nothing_of_its_fold() -> None:
    features = np.array([[0.0], [1.0], [0.0], [1.0]])
    labels = np.array([True, False, False, True])
    folds = np.array([0, 0, 1, 1])

    scores = held_out_scores(features, labels, np.ones(4, dtype=bool), folds)

    # Fold 0 is scored by a head fitted on rows 2 and 3, where a larger feature is better.
    assert scores[1] > scores[0]
    assert scores[2] > scores[3]


def test_ranks_are_shares_and_the_largest_move_comes_first() -> None:
    moves = rank_moves([7, 8, 9, 10], np.array([1.0, 2, 3, 4]), np.array([5.0, 2, 3, 4]))

    assert moves[0] == {"key": 7, "before": 0.25, "after": 1.0}
    assert {move["key"] for move in moves[1:]} == {8, 9, 10}
