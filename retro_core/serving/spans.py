"""What one sequence brings to a pass, and its attention in blocks.

A token's state must not depend on how its prompt was cut into passes, or a cached prefix would
change what a seed draws. Attention rounds by the shape of its inputs, so rows run in blocks that
start and end at multiples of BLOCK, and only whole blocks are cached.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from retro_core.serving.kv import KvBuffer

BLOCK = 32
FEWEST_ROWS = 4  # fewer take other kernels, with other rounding
FEW_ROWS = 32  # up to here the keys stand on the left: see `_attend_plainly`


def padded(rows: Tensor) -> Tensor:
    """Add rows of zeros up to FEWEST_ROWS."""
    lacking = FEWEST_ROWS - rows.shape[0]
    return rows if lacking <= 0 else functional.pad(rows, (0, 0, 0, lacking))


@dataclass(frozen=True, slots=True)
class LowRank:
    """The LoRA of one fused linear layer, scale folded in: delta = (x @ down) @ up."""

    down: Tensor
    up: Tensor


@dataclass(frozen=True, slots=True)
class LoraWeights:
    """An adapter ready to apply: per layer, the fused linears it changes."""

    layers: tuple[dict[str, LowRank], ...]


@dataclass(slots=True)
class Span:
    """New tokens of one sequence: `plain` causal ones, then the nodes of a tree, if any.

    `mask` (n - plain, past + n) says where each node may look. Without one all tokens are plain.
    `positions` follow the past unless given.
    """

    tokens: Sequence[int]
    cache: KvBuffer
    lora: LoraWeights | None = None
    plain: int = -1
    mask: Tensor | None = None
    positions: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Rows start:stop of a span attend together to the first `seen` keys.

    `mask` (rows * heads of one key head, seen) is added to the scores: 0 or minus infinity.
    """

    start: int
    stop: int
    seen: int
    mask: Tensor | None


def blocks_of(span: Span, like: Tensor, group: int) -> list[Block]:
    """Cut a span at multiples of BLOCK; what is left of the prompt runs with the tree.

    Masks are made for `group` query heads to a key head, with the device and type of `like`.
    """
    count, past = len(span.tokens), span.cache.length
    plain = count if span.mask is None else span.plain
    blocks, start = [], 0
    while start < count:
        stop = start + BLOCK - (past + start) % BLOCK
        if stop > plain:
            stop = count
        tree = None if span.mask is None or stop <= plain else span.mask
        mask = _mask(min(stop, plain) - start, past + start, tree)
        blocks.append(Block(start, stop, past + stop, _added(mask, like, group)))
        start = stop
    return blocks


def _added(mask: Tensor | None, like: Tensor, group: int) -> Tensor | None:
    if mask is None:
        return None
    added = torch.zeros(mask.shape, dtype=like.dtype).masked_fill_(~mask, float("-inf"))
    return added.repeat_interleave(group, dim=0).to(like.device)


def _mask(plain: int, past: int, tree: Tensor | None) -> Tensor | None:
    if tree is None:
        return None if plain == 1 else torch.ones(plain, past + plain, dtype=torch.bool).tril(past)
    causal = torch.zeros(plain, tree.shape[1], dtype=torch.bool)
    causal[:, : past + plain] = torch.ones(plain, past + plain, dtype=torch.bool).tril(past)
    return torch.cat([causal, tree])


def by_key_head(query: Tensor, kv_heads: int) -> Tensor:
    """Make rows of the heads that share a key head: (n, heads, d) to (kv heads, n * group, d).

    So no key is repeated.
    """
    count, heads, width = query.shape
    group = heads // kv_heads
    rows = query.view(count, kv_heads, group, width).transpose(0, 1)
    return rows.reshape(kv_heads, count * group, width)


def by_token(rows: Tensor, count: int) -> Tensor:
    """The way back of `by_key_head`: (kv heads, n * group, d) to (n, heads * d)."""
    kv_heads, _, width = rows.shape
    return rows.view(kv_heads, count, -1, width).transpose(0, 1).reshape(count, -1)


def attend(rows: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """Attend. Shapes: rows (kv heads, r, d); keys, values (kv heads, m, d); result as rows.

    torch's own function takes nearly twice the time for bfloat16 on the CPU.
    """
    if rows.device.type == "cpu" and rows.dtype == torch.bfloat16:
        return _attend_plainly(rows, keys, values, mask)
    found = functional.scaled_dot_product_attention(
        rows[None], keys[None], values[None], attn_mask=mask
    )
    return found[0]


def _attend_plainly(rows: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    scale, turned = rows.shape[-1] ** -0.5, keys.transpose(1, 2)
    if rows.shape[1] <= FEW_ROWS:
        # As the right side, turned, the keys would be laid out anew: for few rows that is the cost.
        scores = torch.bmm(keys, (rows * scale).transpose(1, 2)).transpose(1, 2).contiguous()
        scores = scores if mask is None else scores.add_(mask)
    elif mask is None:
        scores = torch.bmm(rows * scale, turned)
    else:
        scores = torch.baddbmm(mask, rows, turned, alpha=scale)
    return torch.bmm(torch.softmax(scores, dim=-1), values)
