"""How much memory a run needs at its peak, estimated from runs that were measured."""

import json
from dataclasses import dataclass
from pathlib import Path

from retro_core.training.spec import Precision, TrainingSpec

# Measured on the embedded model, see docs/training_speed.md: the libraries alone, and the bytes
# of one value that a layer keeps for the backward pass, in values as wide as the hidden state.
PROCESS_BYTES = 0.5e9
KEPT_VALUES = 41.0
KEPT_SHARE_CHECKPOINTED = 0.15
# Of one frozen weight; four bits carry their scales with them.
WEIGHT_BYTES = {"float32": 4.0, "bfloat16": 2.0, "4bit": 0.6}
SCORER_WEIGHT_BYTES = 4.0  # a reward model scores in float32


@dataclass(frozen=True)
class ModelShape:
    """What the memory of one token depends on."""

    parameters: int
    stored_bytes: int  # of the base model's files, which are mapped while they are read
    layers: int
    hidden: int
    vocabulary: int


def model_shape(folder: Path, parameters: int) -> ModelShape:
    """Read the shape of a base model from its configuration."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return ModelShape(
        parameters=parameters,
        stored_bytes=sum(path.stat().st_size for path in folder.glob("*.safetensors")),
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        vocabulary=config["vocab_size"],
    )


def peak_bytes(spec: TrainingSpec, shape: ModelShape, tokens_per_item: float) -> float:
    """The peak of a trainer process; on a GPU most of it lies there.

    `tokens_per_item` counts prompt and reflection; a pair of reflections is one item.
    """
    held = shape.stored_bytes + shape.parameters * WEIGHT_BYTES[spec.precision]
    policy = spec.stage in {"ppo", "grpo"}
    if policy and spec.reward.kind == "reward_model":
        held += shape.parameters * SCORER_WEIGHT_BYTES
    items = min(spec.optimisation.micro_batch_size, spec.optimisation.batch_size)
    return PROCESS_BYTES + held + items * _item_bytes(spec, shape, tokens_per_item)


def _item_bytes(spec: TrainingSpec, shape: ModelShape, tokens: float) -> float:
    """Of one item on its way through the model and back."""
    width = value_bytes(spec.precision)
    kept = KEPT_VALUES * width * shape.layers * shape.hidden * tokens
    if spec.gradient_checkpointing:
        kept *= KEPT_SHARE_CHECKPOINTED
    # Logits, then in float32 for the loss, then their gradient; a reward model has none, and
    # policies are evaluated on the reflection alone.
    spoken = {"sft": tokens, "reward_model": 0.0}.get(spec.stage, spec.tokens.completion)
    return kept + spoken * shape.vocabulary * (8.0 + 2.0 * width)


def value_bytes(precision: Precision) -> float:
    """Of one value that is computed: only the frozen weights are ever narrower than this."""
    return 4.0 if precision == "float32" else 2.0
