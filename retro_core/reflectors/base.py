"""What a reflector is: a model that reads a failed trajectory and writes a reflection."""

from dataclasses import dataclass
from typing import Protocol

from retro_core.types import Candidate, Usage

TOO_LONG = (
    "The reflector's prompt is too long for its model: {}. Choose fewer prompt tokens for"
    " reflections, or a model that reads more."
)


@dataclass(frozen=True, slots=True)
class Completion:
    """Generated text, what it cost, and what it was chosen among where there was a choice."""

    text: str
    usage: Usage = Usage()
    candidates: tuple[Candidate, ...] = ()


class Reflector(Protocol):
    """Writes reflections. Safe to share between threads. `adapter` is empty for the base model."""

    adapter: str

    def reflect(
        self, prompt: str, *, seed: int, grammar: str = "", warmer: float = 0.0
    ) -> Completion:
        """Answer a reflection prompt. Raises EndpointUnavailable, EndpointRefused.

        InvalidInput where the model takes others but not this prompt: it is too long, or unfit.

        `grammar` is a regular expression that the whole text must match; empty means free text.
        `warmer` is added to the temperature, where a text is drawn at one.
        """
