"""What an actor is: a frozen model that chooses the next action."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from retro_core.types import Message, Usage


@dataclass(frozen=True, slots=True)
class Decision:
    """The actor's answer: its thought (may be empty), its action, and the raw reply.

    `follow_ups` are the turns after the prompt within this one decision: a thought and the request
    for its action, or an unusable reply and the request to repair it (`repaired`).
    """

    thought: str
    action: str
    reply: str
    usage: Usage = Usage()
    follow_ups: tuple[Message, ...] = ()
    repaired: bool = False


class Actor(Protocol):
    """Chooses actions. Safe to share between threads."""

    def decide(
        self,
        messages: Sequence[Message],
        *,
        admissible: Sequence[str],
        seed: int,
        temperature: float = 0.0,
    ) -> Decision:
        """Answer the prompt with the next action.

        Where `admissible` is not empty the action is one of them. The same seed gives the same
        answer where the endpoint keeps its promise. Raises EndpointUnavailable, EndpointRefused,
        ContextFull.
        """
