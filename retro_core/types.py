"""The records that pass between the parts of the algorithm: frozen, plain, without behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import fsum
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]
TruncationReason = Literal["", "step_cap", "repeated_action", "context_full", "given_up"]
ReflectionSource = Literal["model", "human"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat prompt."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Task:
    """One problem: a question, a chore, a shopping wish.

    `payload` is what the environment needs to set it up (JSON values only); its keys belong to
    the environment. `split` is "train", "valid_seen", "valid_unseen" or the source's own word.
    """

    id: str
    environment: str
    goal: str
    split: str = "train"
    task_type: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a call to a language model consumed, and the seconds it took."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """Thought, action, observation and reward of one turn.

    `reply` is the raw text the actor returned. `prompt_sha256` is the digest of the exact prompt
    that was sent, so that a prompt rebuilt from the episode can be proved equal to it.
    `dropped_observations` counts old observations left out so that the prompt fits the context.
    `follow_ups` are the turns sent after that prompt within the same decision (a thought and the
    request for its action, an unusable reply and the request to repair it); later prompts leave
    them out. `repaired` says that the actor needed the repair turn.
    """

    thought: str
    action: str
    observation: str
    reward: float = 0.0
    invalid: bool = False
    reply: str = ""
    prompt_sha256: str = ""
    dropped_observations: int = 0
    usage: Usage = Usage()
    follow_ups: tuple[Message, ...] = ()
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Episode:
    """The record of one trial, from reset to end.

    `head` holds the prompt messages before the first action: instructions, worked examples,
    memory, goal and first observation. `success` says that the task was solved;
    `terminated` that it ended by itself; `truncated` that we stopped it.
    """

    task_id: str
    trial: int
    seed: int
    head: tuple[Message, ...]
    steps: tuple[Step, ...]
    success: bool
    terminated: bool
    truncated: bool
    truncation_reason: TruncationReason = ""
    final_answer: str = ""

    @property
    def episode_return(self) -> float:
        """The sum of the rewards, G in the paper, without the noise of adding floats."""
        return round(fsum(step.reward for step in self.steps), 9)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of several reflections on the same failure, with the reward model's score."""

    text: str
    seed: int
    score: float


@dataclass(frozen=True, slots=True)
class Reflection:
    """Text written after a failed trial, and the reflection prompt it answers.

    `candidates` are what it was chosen among, in the order of their seeds; empty without ranking.
    """

    task_id: str
    trial: int
    prompt: str
    text: str
    adapter: str = ""
    seed: int = 0
    usage: Usage = Usage()
    source: ReflectionSource = "model"
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class RatedReflection:
    """An item of the replay buffer: reflection prompt x, reflection y, rating r(x, y)."""

    task_id: str
    environment: str
    trial: int
    prompt: str
    text: str
    rating: float
