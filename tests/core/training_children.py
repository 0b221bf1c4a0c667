"""Trainers that die: run as a script, each child of it is killed at a chosen point.

`python training_children.py WORLD` prints the exit code of every child as JSON. The model
libraries are loaded once, before the children are forked.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from retro_core.training import __main__ as trainer
from retro_core.training import hf_trainer, run
from retro_core.training.monitor import Monitor
from tests.core.training_world import tiny_spec


def signal_at(step: int, number: int) -> Callable[[], None]:
    """Send the trainer a signal once it has told the figures of a step."""

    def arrange() -> None:
        log = Monitor.log

        def log_and_signal(self: Monitor, now: int, split: str, values: dict[str, float]) -> None:
            log(self, now, split, values)
            if (now, split) == (step, "train"):
                os.kill(os.getpid(), number)

        Monitor.log = log_and_signal

    return arrange


def kill_while_saving(step: int) -> Callable[[], None]:
    """Kill the trainer when the files of a checkpoint are written, but not sealed."""

    def arrange() -> None:
        seal = hf_trainer.seal

        def seal_or_die(folder: Path) -> None:
            if folder.name == f"checkpoint-{step}":
                (folder / "adapter_model.safetensors").write_bytes(b"half")
                os.kill(os.getpid(), signal.SIGKILL)
            seal(folder)

        hf_trainer.seal = seal_or_die

    return arrange


CASES = {
    "sft": ("sft", signal_at(5, signal.SIGKILL)),
    "reward_model": ("reward_model", signal_at(5, signal.SIGKILL)),
    "ppo": ("ppo", signal_at(5, signal.SIGKILL)),
    "grpo": ("grpo", signal_at(5, signal.SIGKILL)),
    "saving": ("sft", kill_while_saving(4)),
    "sigterm_ppo": ("ppo", signal_at(3, signal.SIGTERM)),
    "sigterm_sft": ("sft", signal_at(4, signal.SIGTERM)),
}


def child(world: Path, name: str) -> int:
    """Run one trainer as the command line would, in its own process; return how it ended."""
    stage, arrange = CASES[name]
    spec_path = world / f"{name}.json"
    spec_path.write_text(json.dumps(tiny_spec(world, stage).to_json()))
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    arrange()
    sys.argv = ["trainer", str(spec_path), "--out", str(world / f"{name}-killed")]
    os._exit(trainer.main())


if __name__ == "__main__":
    torch.set_num_threads(1)
    assert run.ADAPTER
    print(json.dumps({name: child(Path(sys.argv[1]), name) for name in CASES}))  # noqa: T201
