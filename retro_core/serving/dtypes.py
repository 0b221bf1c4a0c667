"""Which number format the engine computes in where nobody says."""

import torch
from torch.nn import functional

from retro_core.serving.spans import BLOCK, FEWEST_ROWS


def best_dtype(device: torch.device) -> torch.dtype:
    """Choose bfloat16 where the hardware multiplies it and rows stay independent, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    # torch tells it nowhere else.
    multiplies = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if multiplies and rows_are_independent() else torch.float32


def rows_are_independent() -> bool:
    """Whether a bfloat16 product's row is the same, bit by bit, whatever rows are beside it."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(96, 576, generator=generator).bfloat16()
    weight = torch.randn(960, 576, generator=generator).bfloat16()
    whole = functional.linear(rows, weight)
    return all(
        torch.equal(functional.linear(rows[3 : 3 + count], weight), whole[3 : 3 + count])
        for count in (FEWEST_ROWS, 7, BLOCK, 64, 90)
    )
