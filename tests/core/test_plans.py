"""Sentences of reflections and the actions they name, judged by hand."""

import pytest

from retro_core.plans import plan_lines

PLAN = "I went to the wrong place. Next time I will go to fridge 1, then take the apple from it."


def steps_of(reflection: str, *actions: str) -> list[tuple[int, ...]]:
    return [line.steps for line in plan_lines(reflection, actions)]


def test_a_sentence_is_linked_to_the_actions_it_names() -> None:
    assert steps_of(PLAN, "look", "go to fridge 1", "go to desk 2") == [(), (1,)]


def test_the_lines_joined_are_the_reflection() -> None:
    text = "1. Open the red door.\n2. Wait 1.5 s!  Then leave?\n"

    lines = plan_lines(text, [])

    assert "".join(line.text for line in lines) == text
    assert [line.text.strip() for line in lines] == [
        "1. Open the red door.",
        "2. Wait 1.5 s!",
        "Then leave?",
    ]


def test_the_number_of_a_thing_ends_a_sentence_and_that_of_a_list_does_not() -> None:
    lines = plan_lines("Go to shelf 1. Take it. 2. Wait. Open drawer 12. Leave", [])

    assert [line.text.strip() for line in lines] == [
        "Go to shelf 1.",
        "Take it.",
        "2. Wait.",
        "Open drawer 12.",
        "Leave",
    ]


@pytest.mark.parametrize(
    ("sentence", "action", "named"),
    [
        ("I should try opening the red door.", "open red door", True),
        ("Search for Ed Wood's birthplace.", "search[Ed Wood]", True),
        ("Go to a fridge.", "go to fridge 1", True),  # no number named: any will do
        ("Go to fridge 2.", "go to fridge 1", False),
        ("I should look around.", "look", False),  # one word says too little
        ("Open it, and much later on some other day the red one.", "open red", False),
        ("", "open red", False),
    ],
)
def test_a_sentence_names_an_action_by_its_words(sentence: str, action: str, named: bool) -> None:
    assert any(steps_of(sentence, action)) == named


def test_one_sentence_can_be_carried_out_by_several_steps() -> None:
    assert steps_of("Open drawer 1 and open drawer 2.", "open drawer 1", "open drawer 2") == [
        (0, 1)
    ]
