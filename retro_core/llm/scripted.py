"""A chat model that answers from a script: for tests."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from retro_core.llm.reply import Reply
from retro_core.types import Message, Usage

Answer = Callable[[Sequence[Message], Mapping[str, Any]], str]


class ScriptedChat:
    """A ChatModel whose rule sees the messages and the other fields; it keeps every call."""

    def __init__(self, rule: Answer) -> None:
        self.rule = rule
        self.calls: list[tuple[list[Message], dict[str, Any]]] = []

    def complete(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float,
        seed: int,
        stop: Sequence[str] = (),
        response_format: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Answer by the rule; tokens are counted as words."""
        fields = {
            "max_tokens": max_tokens,
            "temperature": temperature,
            "seed": seed,
            "stop": list(stop),
            "response_format": response_format,
        }
        self.calls.append((list(messages), fields))
        text = self.rule(messages, fields)
        words = sum(len(message.content.split()) for message in messages)
        return Reply(text, Usage(words, len(text.split())))


def replies_in_order(*replies: str) -> Answer:
    """A rule that gives these replies one after the other, and the last one for ever."""
    left = list(replies)

    def rule(messages: Sequence[Message], fields: Mapping[str, Any]) -> str:
        return left.pop(0) if len(left) > 1 else left[0]

    return rule
