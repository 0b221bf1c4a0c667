"""A lean Llama forward over packed spans: one pass serves many sequences, adapters and trees.

A span is the new tokens of one sequence. All spans of a pass share the linear layers; attention
runs span by span over that sequence's own key-value buffer. In float32 it equals the transformers
forward within 1e-4 (tests/core/test_serving_scores.py).

A token's state must not depend on its company in a pass, or a seed would not repeat: the linear
layers compute each row alone, given at least FEWEST_ROWS of them; see `spans` for attention.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from retro_core.serving.dtypes import best_dtype
from retro_core.serving.kv import KvBuffer
from retro_core.serving.linears import Linear, linear
from retro_core.serving.spans import (
    FEWEST_ROWS,
    Block,
    LoraWeights,
    LowRank,
    Span,
    attend,
    blocks_of,
    by_key_head,
    by_token,
    padded,
)


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a Llama model."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    max_positions: int
    norm_eps: float
    rope_theta: float


@dataclass(frozen=True, slots=True)
class Layer:
    """The weights of one decoder layer, with q, k, v and gate, up fused."""

    input_norm: Tensor
    post_norm: Tensor
    linears: dict[str, Linear]


@dataclass(frozen=True, slots=True)
class LoraRun:
    """Packed rows start:stop use this adapter."""

    start: int
    stop: int
    lora: LoraWeights


class Llama:
    """The frozen base model, shared by every adapter; threads may share it, as nothing changes."""

    def __init__(self, folder: Path, *, device: str = "cpu", dtype: str = "float32") -> None:
        """Read the weights. `dtype` is float32, bfloat16, or auto: see `best_dtype`."""
        self.device = torch.device(device)
        self.dtype = best_dtype(self.device) if dtype == "auto" else getattr(torch, dtype)
        self.shape = read_shape(folder)
        tensors = load_file(folder / "model.safetensors")
        weights = {name: t.to(self.device, self.dtype) for name, t in tensors.items()}
        self.embedding = weights["model.embed_tokens.weight"]
        self.head = linear(weights.get("lm_head.weight", self.embedding))
        self.final_norm = weights["model.norm.weight"]
        self.layers = [_layer(weights, index) for index in range(self.shape.layers)]
        self._rope = [table.to(self.dtype) for table in _rope_tables(self.shape, self.device)]

    def new_buffer(self, capacity: int) -> KvBuffer:
        """Make an empty key-value buffer for one sequence."""
        shape = self.shape
        return KvBuffer.empty(
            (shape.layers, 2, shape.kv_heads, capacity, shape.head_dim), self.dtype, self.device
        )

    def forward(self, spans: Sequence[Span]) -> Tensor:
        """Run all spans in one pass and append them to their buffers.

        Returns the final hidden states (T, hidden) in packed order, T the tokens of all spans.
        """
        with torch.inference_mode():
            return self._forward(spans)

    def _forward(self, spans: Sequence[Span]) -> Tensor:
        tokens = [token for span in spans for token in span.tokens]
        hidden = padded(self.embedding[torch.tensor(tokens, device=self.device)])
        cos, sin = self._rotations(spans)
        group = self.shape.heads // self.shape.kv_heads
        blocks = [blocks_of(span, hidden, group) for span in spans]
        runs = _lora_runs(spans)
        for index, layer in enumerate(self.layers):
            normed = self._norm(hidden, layer.input_norm)
            qkv = _linear(normed, layer, "qkv", index, runs)
            attended = self._attend(qkv, spans, blocks, index, (cos, sin))
            hidden = hidden + _linear(attended, layer, "o", index, runs)
            normed = self._norm(hidden, layer.post_norm)
            gate, up = _linear(normed, layer, "gate_up", index, runs).chunk(2, dim=-1)
            hidden = hidden + _linear(functional.silu(gate) * up, layer, "down", index, runs)
        for span in spans:
            span.cache.length += len(span.tokens)
        return self._norm(hidden, self.final_norm)[: len(tokens)]

    def logits(self, hidden: Tensor) -> Tensor:
        """Turn hidden states (T, hidden) into float32 logits (T, vocabulary)."""
        with torch.inference_mode():
            return self.head(padded(hidden))[: len(hidden)].float()

    def _norm(self, hidden: Tensor, weight: Tensor) -> Tensor:
        return functional.rms_norm(hidden, weight.shape, weight, self.shape.norm_eps)

    def _rotations(self, spans: Sequence[Span]) -> tuple[Tensor, Tensor]:
        positions: list[int] = []
        for span in spans:
            past = span.cache.length
            positions += span.positions or range(past, past + len(span.tokens))
        chosen = torch.tensor(positions, device=self.device)
        cos, sin = (table[chosen].unsqueeze(1) for table in self._rope)
        return cos, sin

    def _attend(
        self,
        qkv: Tensor,
        spans: Sequence[Span],
        blocks: Sequence[list[Block]],
        index: int,
        rotation: tuple[Tensor, Tensor],
    ) -> Tensor:
        """Rotate, keep the new keys and values, attend span by span. Shapes: (T, ...) as `qkv`."""
        shape = self.shape
        group = shape.heads // shape.kv_heads
        count = rotation[0].shape[0]
        states = qkv[:count].view(count, shape.heads + 2 * shape.kv_heads, shape.head_dim)
        turned = states[:, : shape.heads + shape.kv_heads]
        turned.copy_(_rotate(turned, *rotation))
        query, fresh = states.split((shape.heads, 2 * shape.kv_heads), dim=1)
        kept = fresh.view(count, 2, shape.kv_heads, shape.head_dim).permute(1, 2, 0, 3)
        rows = by_key_head(query, shape.kv_heads)
        out = torch.empty_like(rows)
        start = 0
        for span, parts in zip(spans, blocks, strict=True):
            stop = start + len(span.tokens)
            keys, values = span.cache.extended(index, kept[:, :, start:stop])
            for part in parts:
                own = slice((start + part.start) * group, (start + part.stop) * group)
                seen = slice(0, part.seen)
                out[:, own] = attend(
                    rows[:, own].contiguous(), keys[:, seen], values[:, seen], part.mask
                )
            start = stop
        return padded(by_token(out, count))


def read_shape(folder: Path) -> Shape:
    """Read the sizes from a transformers configuration file."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return Shape(
        layers=config["num_hidden_layers"],
        hidden=config["hidden_size"],
        heads=config["num_attention_heads"],
        kv_heads=config["num_key_value_heads"],
        head_dim=config["head_dim"],
        intermediate=config["intermediate_size"],
        vocabulary=config["vocab_size"],
        max_positions=config["max_position_embeddings"],
        norm_eps=config["rms_norm_eps"],
        rope_theta=config["rope_parameters"]["rope_theta"],
    )


def _layer(weights: dict[str, Tensor], index: int) -> Layer:
    prefix = f"model.layers.{index}."

    def fused(*names: str) -> Linear:
        return linear(torch.cat([weights[f"{prefix}{name}.weight"] for name in names]))

    return Layer(
        input_norm=weights[f"{prefix}input_layernorm.weight"],
        post_norm=weights[f"{prefix}post_attention_layernorm.weight"],
        linears={
            "qkv": fused("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
            "o": fused("self_attn.o_proj"),
            "gate_up": fused("mlp.gate_proj", "mlp.up_proj"),
            "down": fused("mlp.down_proj"),
        },
    )


def _rope_tables(shape: Shape, device: torch.device) -> tuple[Tensor, Tensor]:
    exponents = torch.arange(0, shape.head_dim, 2, dtype=torch.float32) / shape.head_dim
    frequencies = 1.0 / (shape.rope_theta**exponents)
    angles = torch.outer(torch.arange(shape.max_positions, dtype=torch.float32), frequencies)
    angles = torch.cat((angles, angles), dim=-1).to(device)
    return angles.cos(), angles.sin()


def _rotate(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = states.chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return states * cos + turned * sin


def _linear(inputs: Tensor, layer: Layer, name: str, index: int, runs: Sequence[LoraRun]) -> Tensor:
    out = layer.linears[name](inputs)
    for run in runs:
        low_rank = run.lora.layers[index].get(name)
        if low_rank is not None:
            _add_low_rank(out[run.start : run.stop], inputs[run.start : run.stop], low_rank)
    return out


def _add_low_rank(out: Tensor, inputs: Tensor, low_rank: LowRank) -> None:
    """Add (x @ down) @ up in place: one rounding, the same one for few rows as for many."""
    if len(out) >= FEWEST_ROWS:
        out.addmm_(inputs @ low_rank.down, low_rank.up)
        return
    whole = padded(out).addmm_(padded(inputs) @ low_rank.down, low_rank.up)
    out.copy_(whole[: len(out)])


def _lora_runs(spans: Sequence[Span]) -> list[LoraRun]:
    runs: list[LoraRun] = []
    start = 0
    for span in spans:
        stop = start + len(span.tokens)
        if span.lora is not None:
            if runs and runs[-1].lora is span.lora and runs[-1].stop == start:
                runs[-1] = LoraRun(runs[-1].start, stop, span.lora)
            else:
                runs.append(LoraRun(start, stop, span.lora))
        start = stop
    return runs
