"""The keys and values of one sequence, in one contiguous buffer that grows."""

from dataclasses import dataclass

import torch
from torch import Tensor

GROWTH_TOKENS = 256


@dataclass(slots=True)
class KvBuffer:
    """Keys and values of `length` tokens. Shape: (layers, 2, kv heads, capacity, head dim)."""

    states: Tensor
    length: int = 0

    @classmethod
    def empty(
        cls, shape: tuple[int, int, int, int, int], dtype: torch.dtype, device: torch.device
    ) -> "KvBuffer":
        """Reserve room without filling it."""
        return cls(torch.empty(shape, dtype=dtype, device=device))

    @property
    def capacity(self) -> int:
        """How many tokens fit before the buffer must grow."""
        return int(self.states.shape[3])

    def reserve(self, tokens: int) -> None:
        """Make room for `tokens` more, keeping what is there."""
        needed = self.length + tokens
        if needed <= self.capacity:
            return
        shape = list(self.states.shape)
        shape[3] = -(-needed // GROWTH_TOKENS) * GROWTH_TOKENS
        grown = torch.empty(shape, dtype=self.states.dtype, device=self.states.device)
        grown[:, :, :, : self.length] = self.states[:, :, :, : self.length]
        self.states = grown

    def extended(self, layer: int, fresh: Tensor) -> tuple[Tensor, Tensor]:
        """Write a layer's new keys and values (2, kv heads, n, d); return all of that layer.

        Results have shape (kv heads, length + n, d). `length` itself is moved by the caller,
        after the last layer.
        """
        stop = self.length + fresh.shape[2]
        own = self.states[layer, :, :, :stop]
        own[:, :, self.length :] = fresh
        return own[0], own[1]

    def load(self, segment: Tensor) -> None:
        """Append a stored segment (layers, 2, kv heads, n, d)."""
        count = segment.shape[3]
        self.reserve(count)
        self.states[:, :, :, self.length : self.length + count] = segment
        self.length += count

    def segment(self, start: int, stop: int) -> Tensor:
        """Copy tokens start..stop out, for the prefix cache."""
        return self.states[:, :, :, start:stop].clone()
