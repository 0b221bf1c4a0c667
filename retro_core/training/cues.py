"""What the cues of a reflection say of its rating: a weight for each, no model library."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from retro_core.envs.base import env_spec
from retro_core.prompts.cues import CUES, cues_of
from retro_core.prompts.texts import PromptSet, load_prompts


@dataclass(frozen=True)
class CueScore:
    """The log-odds that a reflection is accepted, from its cues alone: bias + sum of weight x cue.

    `weights` are by name of cue and for the cues as they are counted, not standardised.
    """

    environment: str
    bias: float
    weights: Mapping[str, float]

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """The log-odds of (prompt, reflection) pairs."""
        prompts = prompts_of(self.environment)
        return [self._log_odds(cues_of(prompt, text, prompts)) for prompt, text in pairs]

    def _log_odds(self, cues: Sequence[float]) -> float:
        told = zip(CUES, cues, strict=True)
        return self.bias + sum(self.weights[name] * cue for name, cue in told)

    def to_json(self) -> dict[str, Any]:
        """As the adapter's card keeps it."""
        return asdict(self)


def prompts_of(environment: str) -> PromptSet:
    """The texts that cues are read with."""
    return load_prompts(env_spec(environment).prompt_folder)
