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

SHAPE = ModelShape(
    parameters=1000, stored_bytes=4000, layers=2, hidden=10, vocabulary=50, cached=12
)


def spec_of(stage: str, micro: int = 1, **changes: object) -> TrainingSpec:
    spec = PRESETS["cpu-small"][stage]  # type: ignore[index]  # each is a stage
    rates = replace(spec.optimisation, micro_batch_size=micro)
    short = TokenSpec(prompt=8, completion=3)
    return replace(spec, optimisation=rates, tokens=short, **changes)  # type: ignore[arg-type]


def grpo_of_a_hundred() -> TrainingSpec:
    spec = spec_of("grpo", reward=RewardSpec(kind="retries"))
    return replace(spec, optimisation=replace(spec.optimisation, batch_size=100))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # weights in the file and in memory; of two items the kept values of five tokens and the
        # logits of the reflection's three
        (spec_of("sft", micro=2, precision="float32"), 8000 + 2 * (21_200 + 2400)),
        # narrower values; no logits over the vocabulary
        (spec_of("reward_model"), 6000 + 10_600),
        # two layers keep a value, and one of them all
        (spec_of("reward_model", gradient_checkpointing=True), 6000 + 5500),
        # the reward model beside it; logits on the three tokens of the reflection alone
        (spec_of("ppo"), 10_000 + 10_600 + 1800),
        # retries are played elsewhere
        (spec_of("grpo", reward=RewardSpec(kind="retries")), 6000 + 10_600 + 1800),
    ],
)
def test_the_peak_counts_weights_kept_values_and_logits(
    spec: TrainingSpec, expected: float
) -> None:
    assert peak_bytes(spec, SHAPE, tokens_per_item=5) - PROCESS_BYTES == pytest.approx(expected)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # files lie in the host's memory alone
        (spec_of("sft", precision="bfloat16"), 2000 + 10_600 + 1800),
        # there policy and reward model have the same precision
        (spec_of("ppo", precision="4bit"), 600 + 600 + 10_600 + 1800),
        # one hundred reflections are written at a time: keys and values of five tokens each in two
        # layers, and what one layer holds while it reads them
        (grpo_of_a_hundred(), 2000 + 100 * 5 * (2 * 12 + 23 * 10) * 2),
    ],
)
def test_the_part_of_a_gpu_has_no_files_and_may_peak_while_writing(
    spec: TrainingSpec, expected: float
) -> None:
    peak = peak_bytes(spec, SHAPE, tokens_per_item=5, on_gpu=True)

    assert peak - PROCESS_BYTES == pytest.approx(expected)


def test_a_model_stored_in_half_precision_maps_half_as_much(tmp_path: Path) -> None:
    config = {"num_hidden_layers": 2, "hidden_size": 10, "vocab_size": 50}
    config |= {"num_attention_heads": 5, "num_key_value_heads": 3}  # heads of 2
    (tmp_path / "config.json").write_text(json.dumps(config))
    for part in ("model-1", "model-2"):
        (tmp_path / f"{part}.safetensors").write_bytes(b"\0" * 1000)

    shape = model_shape(tmp_path, parameters=1000)

    assert shape == replace(SHAPE, stored_bytes=2000)
    spec = spec_of("reward_model")
    assert peak_bytes(spec, SHAPE, 5) - peak_bytes(spec, shape, 5) == 2000
