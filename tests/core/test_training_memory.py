"""What a run will need at its peak, by hand on a model of 1,000 weights."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from retro_core.training.memory import (
    PROCESS_BYTES,
    ModelShape,
    model_shape,
    peak_bytes,
)
from retro_core.training.presets import PRESETS
from retro_core.training.spec import RewardSpec, TokenSpec, TrainingSpec

SHAPE = ModelShape(parameters=1000, stored_bytes=4000, layers=2, hidden=10, vocabulary=50)


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


def test_a_model_stored_in_half_precision_maps_half_as_much(tmp_path: Path) -> None:
    config = {"num_hidden_layers": 2, "hidden_size": 10, "vocab_size": 50}
    (tmp_path / "config.json").write_text(json.dumps(config))
    for part in ("model-1", "model-2"):
        (tmp_path / f"{part}.safetensors").write_bytes(b"\0" * 1000)

    shape = model_shape(tmp_path, parameters=1000)

    assert shape == replace(SHAPE, stored_bytes=2000)
    spec = spec_of("reward_model")
    assert peak_bytes(spec, SHAPE, 5) - peak_bytes(spec, shape, 5) == 2000
