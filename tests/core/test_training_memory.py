"""What a run will need at its peak, by hand on a model of 1,000 weights."""

from dataclasses import replace

import pytest

from retro_core.training.memory import PROCESS_BYTES, ModelShape, peak_bytes
from retro_core.training.presets import PRESETS
from retro_core.training.spec import RewardSpec, TokenSpec, TrainingSpec

SHAPE = ModelShape(parameters=1000, layers=2, hidden=10, vocabulary=50)


def spec_of(stage: str, micro: int = 1, **changes: object) -> TrainingSpec:
    spec = PRESETS["cpu-small"][stage]  # type: ignore[index]  # each is a stage
    rates = replace(spec.optimisation, micro_batch_size=micro)
    short = TokenSpec(prompt=8, completion=3)
    return replace(spec, optimisation=rates, tokens=short, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # weights in the file and in memory; kept values and logits of five tokens, of two items
        (spec_of("sft", micro=2, precision="float32"), 8000 + 2 * (16_400 + 4000)),
        # narrower values; no logits over the vocabulary
        (spec_of("reward_model"), 6000 + 8200),
        # a seventh of the values is kept
        (spec_of("reward_model", gradient_checkpointing=True), 6000 + 1230),
        # the reward model beside it; logits on the three tokens of the reflection alone
        (spec_of("ppo"), 10_000 + 8200 + 1800),
        # retries are played elsewhere
        (spec_of("grpo", reward=RewardSpec(kind="retries")), 6000 + 8200 + 1800),
    ],
)
def test_the_peak_counts_weights_kept_values_and_logits(
    spec: TrainingSpec, expected: float
) -> None:
    assert peak_bytes(spec, SHAPE, tokens_per_item=5) - PROCESS_BYTES == pytest.approx(expected)
