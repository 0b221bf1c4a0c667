"""A person as the actor: decisions recorded one by one, taken up again in their order."""

from collections.abc import Sequence

from retro_core.actors.base import Decision
from retro_core.prompts.examples import reply_text
from retro_core.types import Message


class DecisionAwaited(Exception):
    """The recorded decisions are used up: the person is to decide on this prompt."""

    def __init__(self, prompt: Sequence[Message], admissible: Sequence[str]) -> None:
        super().__init__("A person is to decide.")
        self.prompt, self.admissible = tuple(prompt), tuple(admissible)


class PersonActor:
    """Plays one episode from recorded decisions, and asks for the next one by DecisionAwaited."""

    def __init__(self, decisions: Sequence[Decision]) -> None:
        self._left = list(decisions)
        self.head: tuple[Message, ...] = ()

    def decide(
        self,
        messages: Sequence[Message],
        *,
        admissible: Sequence[str],
        seed: int,
        temperature: float = 0.0,
    ) -> Decision:
        """The next recorded decision; a person is held to no list of actions."""
        self.head = self.head or tuple(messages)
        if not self._left:
            raise DecisionAwaited(messages, admissible)
        return self._left.pop(0)


def written(thought: str, action: str) -> Decision:
    """What a person wrote, as a decision."""
    return Decision(thought, action, reply_text(thought, action))
