"""Copies of rated reflections under other numbers."""

from random import Random

from retro_core.training.relabel import relabelled, relabelled_copies
from retro_core.types import RatedReflection

PROMPT = "Found: mug 2 at drawer 3.\nNot looked into yet: drawer 1, drawer 2, shelf 1."
TEXT = "Plan:\n1. go to drawer 3\n2. take mug 2 from drawer 3\n3. go to shelf 1"


def row() -> RatedReflection:
    return RatedReflection("chore-1", "alfworld", 1, PROMPT, TEXT, 1.0)


def names(text: str) -> set[str]:
    return {f"drawer {number}" for number in (1, 2, 3) if f"drawer {number}" in text}


def test_a_thing_has_the_same_new_number_in_prompt_and_reflection() -> None:
    for seed in range(20):
        copy = relabelled(row(), Random(seed))
        place = copy.prompt.partition(" at ")[2].partition(".")[0]

        assert f"1. go to {place}\n2. take mug 2 from {place}\n3. go to shelf 1" in copy.text
        assert names(copy.prompt) == {"drawer 1", "drawer 2", "drawer 3"}


def test_numbers_change_and_the_numbers_of_lines_do_not() -> None:
    copies = [relabelled(row(), Random(seed)).text for seed in range(20)]

    assert len(set(copies)) == 3  # drawer 3 became each of the three drawers
    assert all("\n1. " in text and "\n2. " in text and "\n3. " in text for text in copies)


def test_the_first_copy_is_the_row_itself_and_a_seed_repeats_the_others() -> None:
    assert relabelled_copies([row()], 1, seed=0) == [row()]

    copies = relabelled_copies([row()], 4, seed=0)

    assert copies[0] == row()
    assert len(copies) == 4
    assert copies == relabelled_copies([row()], 4, seed=0)
