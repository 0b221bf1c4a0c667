"""Which reflections the actor is shown."""

import pytest

from retro_core.config import ExperimentConfig
from retro_core.memory import remembered, without_near_repeats, word_overlap

TEXTS = ["open the fridge", "look in drawer 1", "Open the fridge!", "go to bed 1", "look around"]


def test_all_keeps_every_reflection_in_order():
    assert remembered(TEXTS, ExperimentConfig(memory_policy="all")) == tuple(TEXTS)


def test_the_last_three_are_kept_by_default():
    assert remembered(TEXTS, ExperimentConfig()) == tuple(TEXTS[2:])


def test_near_repeats_make_room_for_older_reflections():
    config = ExperimentConfig(memory_policy="last_k_distinct", memory_size=4)

    assert remembered(TEXTS, config) == tuple(TEXTS[1:])
    assert without_near_repeats(TEXTS[:3], 0.9) == ["look in drawer 1", "Open the fridge!"]


@pytest.mark.parametrize(
    ("left", "right", "share"),
    [("a b c", "b c d", 0.5), ("A b", "b, a", 1.0), ("a", "b", 0.0), ("", "", 1.0), ("", "a", 0.0)],
)
def test_word_overlap_is_shared_words_over_all_words(left: str, right: str, share: float):
    assert word_overlap(left, right) == share
