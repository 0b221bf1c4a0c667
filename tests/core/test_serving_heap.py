"""Memory that was freed between long-lived states goes back to the operating system."""

import platform
import resource
from pathlib import Path

import pytest
import torch

from retro_core.serving.heap import MEBIBYTE, FreedMemory


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def test_nothing_is_returned_until_enough_was_freed() -> None:
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("only glibc returns memory when asked")
    freed = FreedMemory(after_mebibytes=2)

    assert not freed.add(MEBIBYTE)
    assert freed.add(MEBIBYTE)
    assert not freed.add(MEBIBYTE)


def test_holes_between_kept_blocks_are_returned() -> None:
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("only glibc returns memory when asked")
    freed = FreedMemory(after_mebibytes=50)
    # below the size from which the C library maps blocks one by one, and so returns them itself
    blocks = [torch.zeros(25_000) for _ in range(2000)]  # 100 kB each, 200 MB
    kept = blocks[::2]
    del blocks
    before = resident()

    assert freed.add(100 * MEBIBYTE)

    assert before - resident() > 50 * MEBIBYTE
    assert len(kept) == 1000
