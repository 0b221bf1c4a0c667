"""How much memory a run needs at its peak, estimated from runs that were measured."""

import json
from dataclasses import dataclass
from pathlib import Path

from retro_core.training.spec import Precision, TrainingSpec

# Measured, see docs/training_speed.md: the libraries alone, and the values as wide as the hidden
# state that a layer keeps of a token for the backward pass. With checkpointing a layer keeps its
# input, and one layer at a time all of them. The prompts of all reflections that are written at a
# time are read together, and the layer at work holds as many values of each of their tokens.
PROCESS_BYTES = 0.5e9
KEPT_VALUES = 53.0
READ_VALUES = 23.0
# Of one frozen weight; four bits carry their scales with them.
WEIGHT_BYTES = {"float32": 4.0, "bfloat16": 2.0, "4bit": 0.6}
SCORER_WEIGHT_BYTES = 4.0  # on a CPU a reward model scores in float32


@dataclass(frozen=True)
class ModelShape:
    """What the memory of one token depends on."""

    parameters: int
    stored_bytes: int  # of the base model's files, which are mapped while they are read
    layers: int
    hidden: int
    vocabulary: int
    cached: int  # values of one token's keys and values in one layer


def model_shape(folder: Path, parameters: int) -> ModelShape:
    """Read the shape of a base model from its configuration."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    heads = config["num_attention_heads"]
    head_size = config.get("head_dim") or config["hidden_size"] // heads
    return ModelShape(
        parameters=parameters,
        stored_bytes=sum(path.stat().st_size for path in folder.glob("*.safetensors")),
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        vocabulary=config["vocab_size"],
        cached=2 * head_size * (config.get("num_key_value_heads") or heads),
    )


def peak_bytes(
    spec: TrainingSpec, shape: ModelShape, tokens_per_item: float, *, on_gpu: bool = False
) -> float:
    """The peak of a trainer process, or of its part of a GPU, where no file is mapped.

    `tokens_per_item` counts prompt and reflection; a pair of reflections is one item.
    """
    weight = WEIGHT_BYTES[spec.precision]
    held = shape.parameters * weight + (0 if on_gpu else shape.stored_bytes)
    if _writes(spec) and spec.reward.kind == "reward_model":
        held += shape.parameters * (weight if on_gpu else SCORER_WEIGHT_BYTES)
    items = min(spec.optimisation.micro_batch_size, spec.optimisation.batch_size)
    learning = items * _item_bytes(spec, shape, tokens_per_item)
    return PROCESS_BYTES + held + max(learning, _writing_bytes(spec, shape, tokens_per_item))


def _writes(spec: TrainingSpec) -> bool:
    return spec.stage in {"ppo", "grpo"}


def _item_bytes(spec: TrainingSpec, shape: ModelShape, tokens: float) -> float:
    """Of one item on its way through the model and back."""
    width = value_bytes(spec.precision)
    values = KEPT_VALUES * shape.layers
    if spec.gradient_checkpointing:
        values = KEPT_VALUES + shape.layers
    # Logits, then in float32 for the loss, then their gradient, on the reflection alone (the
    # libraries make those of supervised tuning in small parts); a reward model has none.
    spoken = 0 if spec.stage == "reward_model" else spec.tokens.completion
    kept = values * width * shape.hidden * tokens
    return kept + spoken * shape.vocabulary * (8.0 + 2.0 * width)


def _writing_bytes(spec: TrainingSpec, shape: ModelShape, tokens: float) -> float:
    """Of all reflections that are written at a time: keys and values, and one layer at work."""
    if not _writes(spec):
        return 0.0
    rates = spec.optimisation
    together = rates.batch_size if spec.stage == "grpo" else spec.ppo.minibatch_size
    values = shape.layers * shape.cached + READ_VALUES * shape.hidden
    return together * tokens * values * value_bytes(spec.precision)


def value_bytes(precision: Precision) -> float:
    """Of one value that is computed: only the frozen weights are ever narrower than this."""
    return 4.0 if precision == "float32" else 2.0
