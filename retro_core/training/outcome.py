"""The result file of a training run: written last, by one rename, and read by the application."""

import errno
import json
import os
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from retro_core.training.failures import DISK_FULL, Code, TrainingFailed

RESULT = "result.json"
# Space set aside at the start so that a full disk can still be reported.
RESERVE = ".reserve"
RESERVE_BYTES = 65_536
NO_SPACE_LEFT = errno.ENOSPC  # the exit code where not even the result file fits


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `figures` are JSON values for the adapter's card."""

    status: Literal["done", "failed", "stopped"]
    code: Code | Literal[""] = ""
    reason: str = ""
    step: int = 0
    adapter: str = ""  # folder name inside the run's folder; empty unless done
    checksum: str = ""  # of the adapter's files
    base_sha256: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)


def failed(error: TrainingFailed) -> Outcome:
    """The outcome of a run that ended with this error."""
    return Outcome(status="failed", code=error.code, reason=error.reason)


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Write the result file; whoever sees it sees all of it."""
    (folder / RESERVE).unlink(missing_ok=True)
    write_json_atomically(folder / RESULT, asdict(outcome))


def read_outcome(folder: Path, exit_code: int | None = None) -> Outcome | None:
    """Read how a run ended; None while it runs.

    `exit_code` is that of the ended process (negative for a signal): without a result file it
    tells what happened.
    """
    path = folder / RESULT
    if path.is_file():
        return Outcome(**json.loads(path.read_text(encoding="utf-8")))
    return None if exit_code is None else failed(_without_result(exit_code))


def reserve_space(folder: Path) -> None:
    """Set aside the space that the result file will need."""
    (folder / RESERVE).write_bytes(b"\0" * RESERVE_BYTES)


def write_json_atomically(path: Path, values: Mapping[str, Any]) -> None:
    """Write JSON so that a reader, or a crash, meets the old file or the new one whole."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with scratch.open("w", encoding="utf-8") as stream:
        json.dump(values, stream, indent=1, sort_keys=True)
        stream.flush()
        os.fsync(stream.fileno())
    scratch.rename(path)


def _without_result(exit_code: int) -> TrainingFailed:
    killed_by = -exit_code if exit_code < 0 else exit_code - 128
    if killed_by == signal.SIGKILL:
        return TrainingFailed(
            "killed",
            "The trainer was killed from outside, most often because the machine ran out of"
            " memory. Lower optimisation.micro_batch_size or the token limits, then resume.",
        )
    if exit_code == NO_SPACE_LEFT:
        return TrainingFailed("disk_full", DISK_FULL)
    return TrainingFailed(
        "crashed", f"The trainer ended with code {exit_code} and no result; see trainer.log."
    )
