"""Reading what models write."""

import pytest

from retro_core.llm.choices import chosen_text
from retro_core.parsing import match_action, parse_reply, parse_thought

DRAWERS = ["go to drawer 1", "go to drawer 10", "open drawer 1", "look"]


@pytest.mark.parametrize(
    ("text", "thought", "action"),
    [
        ("Thought: I look.\nAction: look", "I look.", "look"),
        ("look", "", "look"),
        ("  look  \nand then open it", "", "look"),
        ("**Thought:** I look.\n**Action:** `look`", "I look.", "look"),
        ("Thought 1: I look.\nAction 1: Search[a: b]\nObservation 1: x", "I look.", "Search[a: b]"),
        ("<think>Action: open it?</think>Action: look", "", "look"),
        ("<think>never ends", "", ""),
        ("Thought: only this", "only this", ""),
        ("", "", ""),
        ("Action: look\nAction: open", "", "look"),
        ("> look", "", "look"),
        ('"look"', "", "look"),
    ],
)
def test_thought_and_action_are_found(text: str, thought: str, action: str):
    parsed = parse_reply(text)

    assert (parsed.thought, parsed.action) == (thought, action)


def test_a_thought_is_read_with_or_without_its_marker():
    assert parse_thought("Thought: I look.") == parse_thought("I look.") == "I look."


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("go to drawer 1", "go to drawer 1"),
        ("Go to  drawer 10.", "go to drawer 10"),
        ("I will go to drawer 10 now", "go to drawer 10"),
        ("I will go to drawer 1 now", "go to drawer 1"),
        ("go to drawer 1, then open drawer 1", None),
        ("go to drawer 100", None),
        ("overlook it", None),
        ("dance", None),
        ("", None),
    ],
)
def test_a_reply_is_matched_with_the_one_action_it_means(words: str, meant: str | None):
    assert match_action(words, DRAWERS) == meant


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ('"look"', "look"),
        ('{"action": "look"}', "look"),
        ("look", "look"),
        ('{"act": "look"}', '{"act": "look"}'),
        ("12", "12"),
        (r'"look\u0000 \ud800"', "look\ufffd ?"),  # escapes that no cleaning of the answer finds
        (r'{"action": "look\u0000"}', "look\ufffd"),
    ],
)
def test_a_choice_is_read_from_json_of_either_style_or_plain_text(text: str, chosen: str):
    assert chosen_text(text) == chosen
