"""One supervisor for one data folder: a lock that the kernel gives back however its holder ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retro_core.errors import CannotStart


@contextmanager
def held(path: Path, *, address: str) -> Iterator[None]:
    """Hold the lock, with this process and its address written inside."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise CannotStart(
            f"The data folder {path.parent} cannot be written ({error.strerror})."
            " Set STUDIO_DATA_DIR to a folder of yours."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotStart(
                f"The studio is already running at {holder_address(path)}"
                f" (process {holder(path)}). `make down` stops it."
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n{address}\n")
        file.flush()
        yield


def holder(path: Path) -> int:
    """The process that holds the lock; 0 is none."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return 0
    except BlockingIOError:
        return int(_lines(path)[0] or 0)
    return 0


def holder_address(path: Path) -> str:
    """Where the holder says that it serves."""
    return _lines(path)[1]


def _lines(path: Path) -> list[str]:
    return [*path.read_text().splitlines(), "", ""]  # a holder that just began has written nothing
