"""How much memory the run really took, to hold against the estimate that was given before it."""

import resource
from collections.abc import Mapping

import torch

_KIBIBYTE = 1024  # what Linux counts a process's memory in
_GIGABYTE = 1e9


def peak_memory() -> Mapping[str, float]:
    """The most that this process has held so far, in GB, and on its GPU where it uses one."""
    process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIBIBYTE
    found = {"peak_memory_gb": process / _GIGABYTE}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        found["peak_gpu_memory_gb"] = torch.cuda.max_memory_allocated() / _GIGABYTE
    return found
