"""The engine's own attention for bfloat16, against torch's in float32."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from retro_core.serving.kv import KvBuffer
from retro_core.serving.spans import attend, by_key_head, by_token

KV_HEADS, GROUP, WIDTH = 3, 3, 64


def kept(count: int, capacity: int) -> KvBuffer:
    """Random keys and values of one layer; what lies behind them must never be read."""
    generator = torch.Generator().manual_seed(count)
    buffer = KvBuffer.empty((1, 2, KV_HEADS, capacity, WIDTH), torch.bfloat16, torch.device("cpu"))
    buffer.states.fill_(float("nan"))
    fresh = torch.randn(2, KV_HEADS, count, WIDTH, generator=generator)
    buffer.extended(0, fresh.to(torch.bfloat16))
    return buffer


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("capacity", [200, 256])
@pytest.mark.parametrize("tokens", [1, 8, 10, 11, 32])
def test_it_attends_as_torch_does(tokens: int, capacity: int, masked: bool) -> None:
    seen = 200
    states = kept(seen, capacity).states[0, :, :, :seen]
    rows = torch.randn(KV_HEADS, tokens * GROUP, WIDTH, generator=torch.Generator().manual_seed(1))
    rows = rows.to(torch.bfloat16)
    hidden = torch.ones(tokens, seen, dtype=torch.bool).triu(seen - tokens + 1)
    mask = torch.zeros(tokens, seen).masked_fill_(hidden, float("-inf")).repeat_interleave(GROUP, 0)
    mask = mask.to(torch.bfloat16) if masked else None

    found = attend(rows, states[0], states[1], mask)

    exact = scaled_dot_product_attention(
        rows[None].float(),
        states[0][None].float(),
        states[1][None].float(),
        attn_mask=None if mask is None else mask.float(),
    )[0]
    assert (found.float() - exact).abs().max() < 0.02


def test_rows_by_key_head_come_back_by_token() -> None:
    query = torch.randn(5, KV_HEADS * GROUP, WIDTH)

    rows = by_key_head(query, KV_HEADS)

    assert torch.equal(rows[1, 2 * GROUP : 3 * GROUP], query[2, GROUP : 2 * GROUP])
    assert torch.equal(by_token(rows, 5), query.view(5, -1))
