"""What an actor is: a frozen model that chooses the next action."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from retro_core.types import Message, Usage


@dataclass(frozen=True, slots=True)
class Decision:
    """The actor's answer: its thought (may be empty), its action, and the raw reply."""

    thought: str
    action: str
    reply: str
    usage: Usage = Usage()


class Actor(Protocol):
    """Chooses actions. Safe to share between threads."""

    def decide(
        self, messages: Sequence[Message], *, admissible: Sequence[str], seed: int
    ) -> Decision:
        """Answer the prompt with the next action.

        Where `admissible` is not empty the action is one of them. The same seed gives the same
        answer where the endpoint keeps its promise. Raises EndpointUnavailable, EndpointRefused,
        ContextFull.
        """
