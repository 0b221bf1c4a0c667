"""Which constraints are choices among strings."""

import pytest

from retro_core.serving.grammar import choice_in_regex, choice_in_schema


def test_a_string_enum_is_a_choice_written_as_json() -> None:
    choice = choice_in_schema({"type": "string", "enum": ["go to desk 1", 'say "hi"']})

    assert choice is not None
    assert choice.candidates == ("go to desk 1", 'say "hi"')
    assert choice.written("go to desk 1") == '"go to desk 1"'
    assert choice.written('say "hi"') == '"say \\"hi\\""'


def test_an_object_with_one_enum_is_a_choice_written_as_an_object() -> None:
    choice = choice_in_schema(
        {
            "type": "object",
            "properties": {"action": {"enum": ["look", "wait"]}},
            "required": ["action"],
            "additionalProperties": False,
        }
    )

    assert choice is not None
    assert choice.written("look") == '{"action": "look"}'


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"enum": [1, 2]},
        {"enum": []},
        {"type": "object", "properties": {"a": {"enum": ["x"]}}},
        {"type": "object", "properties": {"a": {"enum": ["x"]}, "b": {}}, "required": ["a"]},
        True,
        None,
    ],
)
def test_other_schemas_are_not_choices(schema: object) -> None:
    assert choice_in_schema(schema) is None


@pytest.mark.parametrize(
    ("pattern", "candidates"),
    [
        ("yes|no", ("yes", "no")),
        ("(yes|no)", ("yes", "no")),
        ("(?:a 1|b\\.c|d\\|e)", ("a 1", "b.c", "d|e")),
        ("a|b|a", ("a", "b")),
        ("back\\\\slash|x", ("back\\slash", "x")),
    ],
)
def test_an_alternation_of_literals_is_a_choice(pattern: str, candidates: tuple[str, ...]) -> None:
    choice = choice_in_regex(pattern)

    assert choice is not None
    assert choice.candidates == candidates
    assert choice.written("yes") == "yes"


@pytest.mark.parametrize(
    "pattern",
    ["yes", "a.*|b", "[ab]|c", "\\d|x", "(a|b)|(c|d)", "(a|b)c", "a|", "", "(a|b", "a?|b"],
)
def test_other_patterns_are_not_choices(pattern: str) -> None:
    assert choice_in_regex(pattern) is None
