"""A reflector that follows a rule instead of a model: for tests."""

from collections.abc import Callable

from retro_core.reflectors.base import Completion
from retro_core.types import Usage


class ScriptedReflector:
    """Answers with what `rule(prompt, seed)` returns. Safe between threads."""

    def __init__(self, rule: Callable[[str, int], str], adapter: str = "") -> None:
        self.rule = rule
        self.adapter = adapter

    def reflect(
        self, prompt: str, *, seed: int, grammar: str = "", warmer: float = 0.0
    ) -> Completion:
        """Answer the prompt by the rule; tokens are counted as words."""
        text = self.rule(prompt, seed)
        return Completion(text, Usage(len(prompt.split()), len(text.split())))
