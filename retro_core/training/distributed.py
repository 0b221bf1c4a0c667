"""The few things several training processes must agree on; one process alone passes through."""

import torch
import torch.distributed as dist
from torch import Tensor


def start_processes(*, use_cpu: bool) -> None:
    """Join the other processes where a launcher started several."""
    from accelerate import PartialState

    PartialState(cpu=use_cpu)


def rank() -> int:
    """The number of this process; 0 writes the files."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def any_process(flag: bool, device: torch.device) -> bool:
    """Whether any process says so. A stop decided by one process alone would hang the others."""
    return bool(summed(torch.tensor(float(flag), device=device)) > 0)


def summed(values: Tensor) -> Tensor:
    """The sum over all processes; the same on each."""
    if world_size() == 1:
        return values
    total = values.clone()
    dist.all_reduce(total)
    return total


def wait_for_all() -> None:
    """Return when every process has come here."""
    if world_size() > 1:
        dist.barrier()
