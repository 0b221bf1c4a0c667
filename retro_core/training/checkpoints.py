"""Checkpoints that count only when whole: sealed last, read newest first."""

import json
import os
import shutil
from pathlib import Path

from retro_core.training.outcome import write_json_atomically

PREFIX = "checkpoint-"
SEAL = "SEALED"
KEPT = 2


def seal(folder: Path) -> None:
    """Write everything through to the disk, then mark the checkpoint as whole."""
    sizes = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            flush(path)
            sizes[str(path.relative_to(folder))] = path.stat().st_size
    write_json_atomically(folder / SEAL, {"sizes": sizes})
    flush(folder)
    flush(folder.parent)


def latest_checkpoint(out: Path) -> Path | None:
    """The newest checkpoint that is whole, or None."""
    found = sorted(out.glob(f"{PREFIX}*"), key=step_of, reverse=True)
    return next((folder for folder in found if _is_whole(folder)), None)


def step_of(folder: Path) -> int:
    """The step at which a checkpoint was taken."""
    number = folder.name.removeprefix(PREFIX)
    return int(number) if number.isdigit() else -1


def drop_broken(out: Path) -> None:
    """Remove what a killed process left half-written, so that no library picks it up."""
    for folder in out.glob(f"{PREFIX}*"):
        if not _is_whole(folder):
            shutil.rmtree(folder)


def keep_newest(out: Path, count: int = KEPT) -> None:
    """Remove all checkpoints but the newest."""
    for folder in sorted(out.glob(f"{PREFIX}*"), key=step_of)[:-count]:
        shutil.rmtree(folder)


def flush(path: Path) -> None:
    """Have the kernel write a file or a folder through to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_whole(folder: Path) -> bool:
    try:
        sizes: dict[str, int] = json.loads((folder / SEAL).read_text())["sizes"]
    except (OSError, ValueError, KeyError):
        return False
    return all(_has_size(folder / name, size) for name, size in sizes.items())


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
