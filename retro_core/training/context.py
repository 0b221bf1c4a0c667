"""What every stage is given, and what it gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retro_core.training.examples import Tokenizer
from retro_core.training.failures import TrainingFailed
from retro_core.training.monitor import Monitor
from retro_core.training.rewards import RewardFunction
from retro_core.training.sampling import sample_figures
from retro_core.training.selection import failures
from retro_core.training.snapshot import Snapshot
from retro_core.training.spec import TrainingSpec
from retro_core.types import RatedReflection


@dataclass(frozen=True)
class StageInput:
    """A checked specification, its snapshot, and the way to tell what happens."""

    spec: TrainingSpec
    out: Path
    snapshot: Snapshot
    tokenizer: Tokenizer
    base_sha256: str
    monitor: Monitor
    reward: RewardFunction | None = None


@dataclass(frozen=True)
class StageResult:
    """The trained model; `finished` is False where the run was asked to stop before its end."""

    model: Any  # peft is untyped here
    step: int
    finished: bool
    figures: Mapping[str, Any] = field(default_factory=dict)


def reward_of(given: StageInput) -> RewardFunction:
    """The reward of a policy stage."""
    if given.reward is None:
        raise TrainingFailed("invalid_input", f"The stage {given.spec.stage} needs a reward.")
    return given.reward


def sampled_failures(given: StageInput) -> list[RatedReflection]:
    """The failures that are answered at each evaluation; from training where none is held out."""
    rows = failures(given.snapshot.validation) or failures(given.snapshot.train)
    return rows[: given.spec.evaluation.samples]


def held_out_figures(given: StageInput, samples: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Figures of the samples; none where they answer training failures, which tell of no others."""
    return sample_figures(samples) if failures(given.snapshot.validation) else {}
