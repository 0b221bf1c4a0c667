"""Saves and restores all that PPO needs to go on exactly: weights, optimizer, random state."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from retro_core.training.checkpoints import PREFIX, keep_newest, latest_checkpoint, seal, step_of
from retro_core.training.distributed import rank, wait_for_all
from retro_core.training.outcome import write_json_atomically

WEIGHTS = "policy.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"


@dataclass(frozen=True)
class PpoState:
    """Where training stands beside weights and optimizer."""

    step: int
    kl_coef: float
    reward: float | None = None  # of the newest update, where the checkpoint holds it


def save_checkpoint(
    out: Path, state: PpoState, weights: dict[str, nn.Parameter], optimizer: Optimizer
) -> None:
    """Write a checkpoint; it counts once sealed. Every process calls this."""
    folder = out / f"{PREFIX}{state.step}"
    if rank() == 0:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        save_file({n: p.detach().contiguous() for n, p in weights.items()}, folder / WEIGHTS)
        save_file(_optimizer_tensors(optimizer), folder / OPTIMIZER)
        write_json_atomically(folder / STATE, asdict(state))
    wait_for_all()
    save_file(_random_state(), folder / _random_file())
    wait_for_all()
    if rank() == 0:
        seal(folder)
        keep_newest(out)


def restore_checkpoint(
    out: Path, weights: dict[str, nn.Parameter], optimizer: Optimizer
) -> PpoState | None:
    """Put everything back as it was at the newest whole checkpoint, if there is one."""
    folder = latest_checkpoint(out)
    if folder is None:
        return None
    saved = load_file(folder / WEIGHTS)
    with torch.no_grad():
        for name, parameter in weights.items():
            parameter.copy_(saved[name])
    _restore_optimizer(optimizer, load_file(folder / OPTIMIZER))
    _restore_random_state(load_file(folder / _random_file()))
    values = json.loads((folder / STATE).read_text())
    return PpoState(step=step_of(folder), kl_coef=values["kl_coef"], reward=values.get("reward"))


def _random_file() -> str:
    return f"random-{rank()}.safetensors"


def _random_state() -> dict[str, Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def _restore_random_state(state: dict[str, Tensor]) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def _optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    state: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    return {f"{n}.{key}": value for n, row in state.items() for key, value in row.items()}


def _restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
