"""Ratings of reflections, automatic and human."""

import pytest

from retro_core.ratings import agreed_value, effective_rating, rating


def test_a_rating_is_the_gain_in_return():
    assert rating(0.25, 1.0) == 0.75
    assert rating(0.5, 0.0) == -0.5


def test_the_noise_of_adding_floats_is_no_gain():
    assert rating(0.3, 0.1 + 0.2) == 0.0


@pytest.mark.parametrize(
    ("automatic", "responses", "adjudicated", "effective"),
    [
        (0.5, [], None, 0.5),
        (None, [], None, None),
        (0.5, [-1.0], None, -1.0),
        (0.5, [1.0, 1.0], None, 1.0),
        (0.5, [1.0, -1.0], None, 0.5),
        (0.5, [1.0, -1.0], 0.0, 0.0),
        (0.5, [1.0, 1.0], -1.0, -1.0),
        (None, [1.0], None, 1.0),
    ],
)
def test_adjudication_goes_before_agreed_responses_and_they_before_the_automatic_rating(
    automatic, responses, adjudicated, effective
):
    assert effective_rating(automatic, responses, adjudicated) == effective


def test_noise_of_floats_neither_parts_people_nor_moves_a_rating():
    assert agreed_value([0.6, 0.8], tolerance=0.2) == pytest.approx(0.7)
    assert agreed_value([0.1], weights=[3.0]) == 0.1


def test_agreement_may_need_several_responses_and_allow_a_tolerance():
    assert effective_rating(0.0, [1.0], least_responses=2) == 0.0
    assert effective_rating(0.0, [0.5, 1.0], tolerance=0.5) == 0.75
