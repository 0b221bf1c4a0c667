"""Copies of rated reflections under other names."""

import re
from dataclasses import replace
from random import Random

from retro_core.training.relabel import (
    copy_counts,
    kinds_in,
    relabelled,
    relabelled_copies,
)
from retro_core.types import RatedReflection


def rated(goal: str, thing: str, place: str, others: str, ending: str) -> RatedReflection:
    return RatedReflection(
        task_id=goal,
        environment="alfworld",
        trial=1,
        prompt=f"Task: {goal}\nFound: {thing} at {place}.\nNot looked into yet: {others}.",
        text=f"Plan:\n1. go to {place}\n2. open {place}\n3. take {thing} from {place}\n{ending}",
        rating=1.0,
    )


CLEAN = rated(
    "clean some mug and put it in shelf",
    "mug 2",
    "drawer 3",
    "drawer 1, drawer 2, shelf 1",
    "4. go to sinkbasin 1\n5. clean mug 2 with sinkbasin 1\n6. move mug 2 to shelf 1",
)
LOOK = rated(
    "look at book under the desklamp", "book 1", "cabinet 1", "bed 1, desk 1", "4. use desklamp 1"
)
ROWS = [CLEAN, LOOK]


def test_kinds_stand_for_each_other_by_what_is_done_with_them() -> None:
    assert kinds_in(ROWS) == [["book", "mug"], ["cabinet", "drawer"], ["bed", "desk", "shelf"]]


def test_a_thing_has_the_same_new_name_in_goal_prompt_and_reflection() -> None:
    for seed in range(20):
        copy = relabelled(CLEAN, kinds_in(ROWS), Random(seed))
        goal, thing, place = re.findall(
            r"clean some (\w+) and put.*\nFound: (\w+ \d) at (\w+ \d)\.", copy.prompt
        )[0]
        target = copy.prompt.partition("put it in ")[2].partition("\n")[0]

        assert thing.startswith(goal)
        assert f"3. take {thing} from {place}\n4. go to sinkbasin 1\n" in copy.text
        assert copy.text.endswith(f"clean {thing} with sinkbasin 1\n6. move {thing} to {target} 1")


def test_names_change_and_the_numbers_of_lines_do_not() -> None:
    copies = {relabelled(CLEAN, kinds_in(ROWS), Random(seed)).text for seed in range(600)}

    # Two kinds to take, two to open of three numbers each, three other places.
    assert len(copies) == 2 * 2 * 3 * 3
    assert all("\n1. " in text and "\n2. " in text and "\n6. " in text for text in copies)


def test_the_first_copies_are_the_rows_themselves_and_a_seed_repeats_the_others() -> None:
    assert relabelled_copies(ROWS, 1, seed=0) == ROWS

    copies = relabelled_copies(ROWS, 4, seed=0)

    assert copies[:2] == ROWS
    assert len(copies) == 8
    assert copies == relabelled_copies(ROWS, 4, seed=0)


def test_a_row_of_a_world_without_such_names_stays_as_it_is_and_is_shown_once() -> None:
    question = replace(
        CLEAN,
        environment="hotpotqa",
        prompt="Which battle of may 19 came before june 6?",
        text="Search for the battle of may 19, not for june 6.",
    )
    unknown = replace(CLEAN, environment="of a package that is not installed")
    rows = [question, CLEAN, unknown]

    copies = relabelled_copies(rows, 3, seed=0)

    assert copies[:3] == rows
    assert [row.environment for row in copies[3:]] == ["alfworld", "alfworld"]
    assert sum(copy_counts(rows, 3)) == len(copies) == 5
    assert copy_counts([question], 100) == [1]


def searching(number: int) -> RatedReflection:
    """A failure in which the book was not found."""
    return replace(
        LOOK, task_id=f"search {number}", prompt=f"Task: {LOOK.task_id}\n\n{digest('none')}"
    )


def digest(found: str) -> str:
    return (
        f"Found: {found}.\nLooked into in vain: bed 1.\nNot looked into yet: desk 1.\n"
        "Last commands: look.\n"
    )


def test_balanced_copies_show_failures_with_things_unfound_as_often_as_others() -> None:
    known = digest("desklamp 1 at desk 1; book 1 at cabinet 1")
    found = [replace(LOOK, prompt=f"Task: {LOOK.task_id}\n\n{known}")] * 9
    rows = [*found, *map(searching, range(3))]

    counts = copy_counts(rows, 4, balanced=True)

    assert counts == [3] * 6 + [2] * 3 + [8] * 3
    assert len(relabelled_copies(rows, 4, seed=0, balanced=True)) == sum(counts) == 48
    assert copy_counts(rows, 1, balanced=True) == [1] * 9 + [2] * 3
    assert copy_counts(found, 4, balanced=True) == [4] * 9
    assert copy_counts([*found, searching(0)], 4, balanced=True)[-1] == 16
