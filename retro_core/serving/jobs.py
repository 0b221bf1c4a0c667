"""What the engine is asked, and the events it answers with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from retro_core.serving.adapters import Adapter
from retro_core.serving.choices import Normalisation
from retro_core.serving.grammar import Constraint
from retro_core.serving.sampling import Sampling

FinishReason = Literal["length", "eos_token", "stop_sequence"]


@dataclass(frozen=True, slots=True)
class Generation:
    """Write up to `max_new_tokens` after the prompt (token ids)."""

    prompt: list[int]
    adapter: Adapter | None
    max_new_tokens: int
    sampling: Sampling = field(default_factory=Sampling)
    stop: tuple[str, ...] = ()
    constraint: Constraint | None = None
    top_tokens: int = 0
    prompt_logprobs: bool = False


@dataclass(frozen=True, slots=True)
class Choosing:
    """Choose among `candidates` (token ids, each with its end-of-turn token) after the prompt.

    Unless `every_score` is wanted, candidates that can no longer win are not scored to the end.
    """

    prompt: list[int]
    adapter: Adapter | None
    candidates: list[list[int]]
    temperature: float = 0.0
    seed: int = 0
    normalisation: Normalisation = "sum"
    every_score: bool = False


@dataclass(frozen=True, slots=True)
class PromptScored:
    """The prompt's token log-probabilities in nats; the first token has none."""

    logprobs: list[float | None]


@dataclass(frozen=True, slots=True)
class TokenMade:
    """One generated token, the text it completes, and its log-probability in nats."""

    id: int
    piece: str
    logprob: float
    top: list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a generation. `tail` is text that was held back for want of more bytes."""

    reason: FinishReason
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The answer to Choosing: the index taken, and the candidates' token log-probabilities.

    Without `every_score` only the taken one's are sure to be whole.
    """

    index: int
    logprobs: list[list[float]]
    scores: list[float]


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The engine stopped before the job was done."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The job cannot be finished, for a reason of its own."""

    reason: str


Event = PromptScored | TokenMade | Finished | Chosen | Abandoned | Failed


@dataclass(slots=True, eq=False)
class Job:
    """A request under way. `deliver` is called on the engine's thread."""

    work: Generation | Choosing
    deliver: Callable[[Event], None]
    cancelled: bool = False
    cached_tokens: int = field(default=0)
