"""Why a training run failed, in words a person can act on."""

import errno
from typing import Literal

from retro_core.errors import InvalidInput, RetroError

Code = Literal[
    "invalid_input",
    "empty_snapshot",
    "one_class_labels",
    "wrong_base_model",
    "nan_loss",
    "out_of_memory",
    "disk_full",
    "retry_failed",
    "killed",
    "crashed",
]

OUT_OF_MEMORY = (
    "The trainer ran out of memory. Lower optimisation.micro_batch_size, tokens.prompt or"
    " tokens.completion, or switch gradient_checkpointing on."
)
DISK_FULL = (
    "The disk is full, or a limit on the size of files was met. Free some space and resume; the"
    " last checkpoint is kept."
)
NOT_A_NUMBER = (
    "The model's probabilities became not a number. Lower optimisation.learning_rate, train in"
    " float32 or bfloat16, and check that base model and parent adapter are sound."
)
_NOT_A_NUMBER = ("probability tensor contains",)
_NO_SPACE = (
    "no space left",
    "file too large",
    "disk quota",
    "pytorchstreamwriter failed",
    "inline_container",
)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_MEMORY = ("can't allocate memory", "out of memory", "cannot allocate memory")


class FolderTaken(InvalidInput):
    """Another trainer still works in the run's folder; it may be free soon."""


class TrainingFailed(RetroError):
    """A training run that cannot go on, with the code that the application keeps."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code: Code = code
        self.reason = reason


def explain(error: Exception) -> TrainingFailed:
    """Name the cause of any error that ended a run."""
    if isinstance(error, TrainingFailed):
        return error
    if is_disk_full(error):
        return TrainingFailed("disk_full", DISK_FULL)
    if is_out_of_memory(error):
        return TrainingFailed("out_of_memory", OUT_OF_MEMORY)
    if _mentions(error, _NOT_A_NUMBER):
        return TrainingFailed("nan_loss", NOT_A_NUMBER)
    if isinstance(error, InvalidInput):
        return TrainingFailed("invalid_input", str(error))
    summary = f"{type(error).__name__}: {error}"[:500]
    return TrainingFailed("crashed", f"The trainer stopped on an error: {summary}")


def is_disk_full(error: Exception) -> bool:
    """Tell a full disk, also where a library hides the error number."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return _mentions(error, _NO_SPACE)


def is_out_of_memory(error: Exception) -> bool:
    """Tell exhausted memory of the machine or of the GPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and _mentions(error, _NO_MEMORY)


def _mentions(error: Exception, phrases: tuple[str, ...]) -> bool:
    text = str(error).lower()
    return any(phrase in text for phrase in phrases)
