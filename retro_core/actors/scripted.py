"""An actor that follows a rule instead of a model: for tests, and for perfect-play checks."""

from collections.abc import Callable, Sequence

from retro_core.actors.base import Decision
from retro_core.types import Message, Usage

Rule = Callable[[Sequence[Message], Sequence[str], int], str]


class ScriptedActor:
    """Answers with what `rule(messages, admissible, seed)` returns. Safe between threads."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def decide(
        self,
        messages: Sequence[Message],
        *,
        admissible: Sequence[str],
        seed: int,
        temperature: float = 0.0,
    ) -> Decision:
        """Answer the prompt by the rule; tokens are counted as words."""
        action = self.rule(messages, admissible, seed)
        words = sum(len(message.content.split()) for message in messages)
        usage = Usage(prompt_tokens=words, completion_tokens=len(action.split()))
        return Decision(thought="", action=action, reply=action, usage=usage)


def actions_in_order(actions: Sequence[str]) -> Rule:
    """A rule that plays a fixed list, one per turn of the chat, and its last action for ever."""

    def rule(messages: Sequence[Message], admissible: Sequence[str], seed: int) -> str:
        turn = sum(message.role == "assistant" for message in messages)
        return actions[min(turn, len(actions) - 1)]

    return rule
