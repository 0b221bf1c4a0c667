"""Reads what actors write, tolerantly."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_REASONING = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
_THOUGHT = re.compile(r"^\W*thought\b[^:\n]*:\s*(.*)$", re.IGNORECASE | re.MULTILINE)
_ACTION = re.compile(r"^\W*action\b[^:\n]*:\s*(.*)$", re.IGNORECASE | re.MULTILINE)
_WRAPPING = "\"'`*> \t"


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """Thought and action of one reply; either may be empty."""

    thought: str
    action: str


def parse_reply(text: str) -> ParsedReply:
    """Find the first thought and action; a reply without markers is an action by itself."""
    plain = without_reasoning(text)
    thought, action = _THOUGHT.search(plain), _ACTION.search(plain)
    if action is None:
        rest = _THOUGHT.sub("", plain).strip()
        words = "" if thought and not rest else rest.split("\n")[0]
    else:
        words = action.group(1)
    return ParsedReply(_cleaned(thought.group(1)) if thought else "", _cleaned(words))


def without_reasoning(text: str) -> str:
    """The answer of a model that first reasons between think tags."""
    return _REASONING.sub("", text).strip()


def parse_thought(text: str) -> str:
    """The thought of a reply that was asked for a thought, with or without its marker."""
    parsed = parse_reply(text)
    return parsed.thought or parsed.action


def match_action(action: str, admissible: Sequence[str]) -> str | None:
    """The admissible action that a reply means, or None if there is none or more than one.

    First by equality without regard to case, spaces and end marks; else the one admissible action
    that stands in the reply as whole words (the longest, where one contains another).
    """
    wanted = _folded(action)
    by_form = {_folded(candidate): candidate for candidate in admissible}
    if wanted in by_form:
        return by_form[wanted]
    inside = [form for form in by_form if form and re.search(rf"\b{re.escape(form)}(?!\w)", wanted)]
    longest = [form for form in inside if not any(form != o and form in o for o in inside)]
    return by_form[longest[0]] if len(longest) == 1 else None


def _cleaned(words: str) -> str:
    return words.strip().strip(_WRAPPING)


def _folded(words: str) -> str:
    return " ".join(words.lower().strip(_WRAPPING + ".!\n").split())
