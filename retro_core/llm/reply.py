"""What a language model endpoint gives back, and what it may raise."""

from dataclasses import dataclass

from retro_core.errors import EndpointRefused
from retro_core.types import Usage


@dataclass(frozen=True, slots=True)
class Reply:
    """Text of an answer, made storable, and what it cost."""

    text: str
    usage: Usage = Usage()


class FormatRefused(EndpointRefused):
    """The endpoint does not take the response format; the same prompt may work without it."""


class TemporaryFailure(Exception):
    """One try failed in a way that may pass. Never leaves this package.

    `wait_seconds` is what the endpoint asked for, None where it did not say.
    """

    def __init__(self, reason: str, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


def joined(left: Usage, right: Usage) -> Usage:
    """The usage of two calls together."""
    return Usage(
        left.prompt_tokens + right.prompt_tokens,
        left.completion_tokens + right.completion_tokens,
        left.seconds + right.seconds,
    )
