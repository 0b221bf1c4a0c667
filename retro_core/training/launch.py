"""The command line and environment of a trainer process, for whoever starts it."""

import sys
from collections.abc import Mapping
from pathlib import Path

from retro_core.training.outcome import RESULT
from retro_core.training.spec import LaunchSpec

MODULE = "retro_core.training"
STOP = "stop"
TAKEN = "taken"
HEARTBEAT = "heartbeat"
HEARTBEAT_SECONDS = 2.0

# To be added to the environment of the trainer: nothing leaves the machine, and waiting threads
# do not burn the cores that other processes need. oneDNN keeps what it prepared for every length
# of text; 128 of them instead of 1,024 save a gigabyte or two.
TRAINER_ENVIRONMENT: Mapping[str, str] = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "LRU_CACHE_CAPACITY": "128",
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128",
    "OMP_WAIT_POLICY": "passive",
    "TOKENIZERS_PARALLELISM": "false",
}


def trainer_command(
    spec_path: Path, out: Path, launch: LaunchSpec, *, host_rank: int = 0
) -> list[str]:
    """The command that trains; start it in a process group of its own.

    With several processes they meet through `torch.distributed.run`; with several hosts run the
    command on each host with its own `host_rank`, on a folder that all of them share.
    """
    trainer = ["-m", MODULE, str(spec_path), "--out", str(out)]
    if launch.processes == 1 and launch.hosts == 1:
        return [sys.executable, *trainer]
    meet = ["--standalone"]
    if launch.hosts > 1:
        meet = [f"--nnodes={launch.hosts}", f"--node_rank={host_rank}"]
        host, _, port = launch.rendezvous.partition(":")
        meet += [f"--master_addr={host}", f"--master_port={port or 29500}"]
    together = ["-m", "torch.distributed.run", *meet, f"--nproc_per_node={launch.processes}"]
    return [sys.executable, *together, *trainer]


def request_stop(out: Path) -> None:
    """Ask the trainer to save a checkpoint and end."""
    (out / STOP).touch()


def prepare_resume(out: Path) -> None:
    """Clear what an earlier process left so that the same command goes on."""
    for name in (STOP, RESULT, HEARTBEAT, TAKEN):
        (out / name).unlink(missing_ok=True)
