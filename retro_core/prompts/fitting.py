"""Keeps a growing prompt within the context: the oldest observations are dropped, and counted."""

from collections.abc import Sequence

from retro_core.errors import ContextFull
from retro_core.prompts.actor import prompt_messages
from retro_core.types import Message, Step

# Cautious for English until the endpoint has counted; its count is trusted within these bounds.
FIRST_TOKENS_PER_CHARACTER = 1 / 3
LEAST_TOKENS_PER_CHARACTER = 1 / 6
MOST_TOKENS_PER_CHARACTER = 1.0
TOKENS_PER_MESSAGE = 5  # role and turn markers


class PromptFit:
    """Decides how many of the oldest observations one episode's next prompt leaves out.

    Past `context_tokens` it drops down to `keep_share` of them at once, so that the following
    prompts stay append-only. The latest observation is never dropped.
    """

    def __init__(self, context_tokens: int, keep_share: float) -> None:
        self.context_tokens = context_tokens
        self.keep_tokens = context_tokens * keep_share
        self.dropped = 0
        self._tokens_per_character = FIRST_TOKENS_PER_CHARACTER

    def make_room(self, head: Sequence[Message], steps: Sequence[Step]) -> None:
        """Drop observations until the prompt fits. Raises ContextFull if it never will."""
        if self._tokens(head, steps) <= self.context_tokens:
            return
        while self.dropped < len(steps) - 1 and self._tokens(head, steps) > self.keep_tokens:
            self.dropped += 1
        if self._tokens(head, steps) > self.context_tokens:
            raise ContextFull(f"The prompt outgrows {self.context_tokens} tokens.")

    def drop_half(self, step_count: int) -> None:
        """The endpoint found the prompt too long: drop half of what may still be dropped."""
        left = step_count - 1 - self.dropped
        if left <= 0:
            raise ContextFull("The endpoint refuses the prompt as too long.")
        self.dropped += (left + 1) // 2

    def learn(self, characters: int, tokens: int) -> None:
        """Take over the endpoint's own count of a prompt."""
        if tokens <= 0 or characters <= 0:
            return
        ratio = tokens / characters
        bounded = max(LEAST_TOKENS_PER_CHARACTER, ratio)
        self._tokens_per_character = min(bounded, MOST_TOKENS_PER_CHARACTER)

    def _tokens(self, head: Sequence[Message], steps: Sequence[Step]) -> float:
        messages = prompt_messages(head, steps, self.dropped)
        characters = character_count(messages)
        return characters * self._tokens_per_character + TOKENS_PER_MESSAGE * len(messages)


def character_count(messages: Sequence[Message]) -> int:
    """Characters of the contents of some messages."""
    return sum(len(message.content) for message in messages)
