"""Curves, intervals and tests, with numbers worked out by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from retro_core import metrics
from retro_core.errors import InvalidInput
from retro_core.memory import word_overlap
from retro_core.metrics import (
    Interval,
    Outcome,
    Spread,
    area_under_curve,
    bootstrap_means,
    cohens_g,
    column_spreads,
    flip_difference,
    holm,
    learning_curve,
    mcnemar,
    paired_difference,
    paired_p_value,
    repeat_share,
    return_by_trial,
    standardised_difference,
    success_by_trial,
)

REAL_LOGS = Path(__file__).resolve().parents[2] / "../shared/data/real_logs"

# Task a is solved at once, b in its third trial, c never; c gains and loses half a point.
OUTCOMES = [
    Outcome("a", 1, True, 1.0),
    Outcome("b", 1, False, 0.0),
    Outcome("b", 2, False, 0.5),
    Outcome("b", 3, True, 1.0),
    Outcome("c", 1, False, 0.5),
    Outcome("c", 2, False, 0.0),
    Outcome("c", 3, False, 0.5),
]


def test_success_by_trial_counts_any_trial_so_far():
    assert success_by_trial(OUTCOMES).tolist() == [[1, 1, 1], [0, 0, 1], [0, 0, 0]]


def test_a_task_tried_again_after_its_success_stays_solved():
    outcomes = [Outcome("a", 1, True, 1.0), Outcome("a", 2, False, 0.0)]

    assert success_by_trial(outcomes).tolist() == [[1, 1]]
    assert return_by_trial(outcomes).tolist() == [[1, 0]]


def test_the_return_by_trial_is_the_latest_and_a_solved_task_keeps_its_own():
    assert return_by_trial(OUTCOMES).tolist() == [[1, 1, 1], [0, 0.5, 1], [0.5, 0, 0.5]]


def test_a_curve_may_be_cut_short_or_carried_on():
    assert success_by_trial(OUTCOMES, 2).tolist() == [[1, 1], [0, 0], [0, 0]]
    assert success_by_trial(OUTCOMES, 4)[:, 3].tolist() == [1, 1, 0]


def test_a_learning_curve_holds_means_intervals_and_how_many_tasks_were_played():
    curve = learning_curve(OUTCOMES, resamples=500)

    assert [point.success.value for point in curve] == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert [point.mean_return.value for point in curve] == pytest.approx([0.5, 0.5, 2.5 / 3])
    assert [(point.tasks, point.played) for point in curve] == [(3, 3), (3, 2), (3, 2)]
    assert all(point.success.low <= point.success.value <= point.success.high for point in curve)


def test_an_experiment_without_episodes_has_an_empty_curve():
    assert learning_curve([]) == []


def test_the_bootstrap_interval_of_half_of_a_hundred_is_near_the_textbook():
    table = np.array([[1.0]] * 50 + [[0.0]] * 50)

    (interval,) = bootstrap_means(table, resamples=4000, seed=1)

    assert interval.value == 0.5
    assert interval.low == pytest.approx(0.402, abs=0.015)  # 0.5 - 1.96 * sqrt(0.25 / 100)
    assert interval.high == pytest.approx(0.598, abs=0.015)
    assert bootstrap_means(table, resamples=4000, seed=1) == [interval]


def test_an_interval_over_equal_tasks_has_no_width():
    (interval,) = bootstrap_means(np.array([[0.25]] * 5))

    assert (interval.low, interval.value, interval.high) == (0.25, 0.25, 0.25)


def test_an_interval_over_nothing_is_refused():
    with pytest.raises(InvalidInput):
        bootstrap_means(np.zeros((0, 1)))


def test_the_area_under_a_curve_is_its_mean():
    assert area_under_curve([0.0, 0.5, 1.0]) == 0.5


def test_mcnemar_counts_only_tasks_that_differ():
    first = {"a": True, "b": True, "c": False, "d": False, "only-here": True}
    second = {"a": True, "b": False, "c": True, "d": False}

    result = mcnemar(first, second)

    assert (result.only_first, result.only_second, result.p_value) == (1, 1, 1.0)


def test_mcnemar_of_one_against_nine_is_22_in_1024():
    first = {f"t{n}": n == 0 for n in range(10)}
    second = {f"t{n}": n != 0 for n in range(10)}

    assert mcnemar(first, second).p_value == pytest.approx(22 / 1024)  # 2 * (1 + 10) / 2**10


def test_mcnemar_without_any_difference_is_certain_of_nothing():
    assert mcnemar({"a": True}, {"a": True}).p_value == 1.0


def test_the_paired_difference_is_over_shared_tasks():
    first, second = {"a": 0.0, "b": 0.5, "x": 1.0}, {"a": 0.5, "b": 1.0, "y": 0.0}

    difference = paired_difference(first, second)

    assert (difference.low, difference.value, difference.high) == (0.5, 0.5, 0.5)


def test_the_paired_p_value_is_small_for_a_steady_gain_and_large_for_none():
    first = {f"t{n}": 0.0 for n in range(20)}
    steady = {f"t{n}": 1.0 - 0.1 * (n % 2) for n in range(20)}
    none = {f"t{n}": float(n % 2) * 2 - 1 for n in range(20)}

    assert paired_p_value(first, steady, resamples=999) == 1 / 1000
    assert paired_p_value(first, none, resamples=999) == 1.0


def test_resamples_in_blocks_are_those_of_one_draw(monkeypatch: pytest.MonkeyPatch):
    first = {f"t{n}": float(n % 3) for n in range(30)}
    second = {f"t{n}": float(n % 4) for n in range(30)}

    def both() -> tuple[float, Interval]:
        metrics._draws.cache_clear()
        p_value = paired_p_value(first, second, resamples=1003)
        return p_value, paired_difference(first, second, resamples=1003)

    blocks = both()
    monkeypatch.setattr(metrics, "ROWS_AT_A_TIME", 5000)

    p_value, difference = both()
    assert blocks[0] == p_value
    assert blocks[1].low == pytest.approx(difference.low)
    assert blocks[1].high == pytest.approx(difference.high)


def test_a_comparison_without_shared_tasks_is_refused():
    with pytest.raises(InvalidInput, match="at least one shared task"):
        paired_p_value({"a": 1.0}, {"b": 1.0})
    with pytest.raises(InvalidInput):
        paired_difference({"a": 1.0}, {"b": 1.0})


def test_holm_multiplies_by_what_is_left_and_never_falls():
    assert holm([0.03, 0.01, 0.04, 0.6]) == pytest.approx([0.09, 0.04, 0.09, 0.6])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_repeat_share_compares_each_reflection_with_the_one_before():
    reflections = [["a b", "a b", "c d"], ["x"], ["e f", "E F!"]]

    assert repeat_share(reflections, word_overlap, 0.9) == pytest.approx(2 / 3)
    assert repeat_share([["x"]], word_overlap, 0.9) == 0.0


def published(name: str) -> list[Outcome]:
    path = REAL_LOGS / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"the recorded runs are not here: {path}")
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [
        Outcome(row["task_id"], row["trial"], row["success"], row["episode_return"]) for row in rows
    ]


@pytest.mark.parametrize(
    ("name", "percent"),
    [
        ("hotpotqa_react", [34, 34, 34, 34, 34]),
        ("hotpotqa_reflexion", [32, 42, 48, 50, 51, 53, 53]),
        (
            "alfworld_reflexion",
            [62.69, 76.87, 82.84, 84.33, 87.31, 88.06, 91.79, 94.03, 95.52, 96.27, 97.01,
             97.01, 97.76, 99.25, 100],
        ),
        ("webshop_reflexion", [33, 33, 34, 35]),
    ],
)  # fmt: skip
def test_the_recorded_runs_give_the_published_curves(name: str, percent: list[float]):
    curve = learning_curve(published(name), resamples=100)

    assert [round(100 * point.success.value, 2) for point in curve] == percent


def test_spreads_are_of_the_sample_with_the_ends() -> None:
    table = np.array([[0.0, 1.0], [1.0, 1.0], [0.5, 1.0]])

    first, second = column_spreads(table)

    assert (first.deviation, first.least, first.most) == (0.5, 0.0, 1.0)
    assert (second.deviation, second.least, second.most) == (0.0, 1.0, 1.0)


def test_one_row_has_no_deviation_and_no_rows_have_no_spread() -> None:
    assert column_spreads(np.array([[0.25]])) == [Spread(0.0, 0.25, 0.25)]
    assert column_spreads(np.zeros((0, 0))) == []


def test_cohens_g_is_the_share_of_the_second_beyond_one_half() -> None:
    assert cohens_g(1, 3) == 0.25
    assert cohens_g(0, 0) is None


def test_the_difference_from_counts_is_the_one_from_tasks() -> None:
    first = {str(task): task < 3 for task in range(10)}  # 3 solved
    second = {str(task): 2 <= task < 8 for task in range(10)}  # 6 solved, 1 in common

    counted = flip_difference(2, 5, 10)
    listed = paired_difference(
        {task: float(won) for task, won in first.items()},
        {task: float(won) for task, won in second.items()},
    )

    assert counted.value == listed.value == pytest.approx(0.3)
    assert counted.low == pytest.approx(listed.low, abs=0.11)  # one task is 0.1
    assert counted.high == pytest.approx(listed.high, abs=0.11)


def test_the_standardised_difference_is_of_the_pairs() -> None:
    first = {"a": 0.0, "b": 0.0, "c": 0.0}

    assert standardised_difference(first, {"a": 0.0, "b": 0.5, "c": 1.0}) == 1.0  # 0.5 / 0.5
    assert standardised_difference(first, first) is None
