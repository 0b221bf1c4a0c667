"""Worked examples: text files of `Observation:`, `Thought:` and `Action:` parts, as chat turns."""

import re

from retro_core.errors import InvalidInput
from retro_core.types import Message

_PART = re.compile(r"^(Observation|Thought|Action): ?", re.MULTILINE)


def example_turns(text: str, *, with_thoughts: bool) -> tuple[Message, ...]:
    """Read one worked example. Thoughts are left out where the actor writes none."""
    turns: list[Message] = []
    thought = ""
    for kind, content in _parts(text):
        if kind == "Observation":
            turns.append(Message("user", content))
        elif kind == "Thought":
            thought = content if with_thoughts else ""
        else:
            turns.append(Message("assistant", reply_text(thought, content)))
            thought = ""
    return tuple(turns)


def reply_text(thought: str, action: str) -> str:
    """An actor's turn as later prompts show it: the bare action, or thought and action."""
    return f"Thought: {thought}\nAction: {action}" if thought else action


def _parts(text: str) -> list[tuple[str, str]]:
    pieces = _PART.split(text)
    if pieces[0].strip():
        raise InvalidInput("A worked example must begin with 'Observation:'.")
    return [(kind, body.strip()) for kind, body in zip(pieces[1::2], pieces[2::2], strict=True)]
