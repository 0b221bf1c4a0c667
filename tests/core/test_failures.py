"""Loops and repeats counted by hand."""

import pytest

from retro_core.alignment import Move
from retro_core.failures import looped_steps, repeated_actions


def moves(letters: str) -> list[Move]:
    """One step a letter; a capital is the same action with another observation."""
    return [Move(letter.lower(), "other" if letter.isupper() else "same") for letter in letters]


@pytest.mark.parametrize(
    ("steps", "repeated"), [("", 0), ("a", 0), ("abab", 0), ("aab", 1), ("aAab", 2), ("aabb", 2)]
)
def test_an_action_like_the_one_before_is_a_repeat(steps: str, repeated: int) -> None:
    assert repeated_actions(moves(steps)) == repeated


@pytest.mark.parametrize(
    ("steps", "looped"),
    [
        ("abcd", 0),
        ("abab", 2),  # the second "ab"
        ("ababab", 4),
        ("ababa", 3),  # the fifth step goes on with the cycle
        ("abAb", 0),  # something has changed in between
        ("aaaa", 0),  # repeats, not a loop
        ("xabcabcy", 3),
        ("abcdefgabcdefg", 0),  # seven steps are no longer one cycle
    ],
)
def test_steps_that_go_through_a_cycle_again_are_looped(steps: str, looped: int) -> None:
    assert looped_steps(moves(steps)) == looped
