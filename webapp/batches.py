"""A stream cut into lists, so that what is long never has to lie in memory at once."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` items in order; the last one may be shorter. Of nothing, none."""
    stream = iter(items)
    while batch := list(islice(stream, size)):
        yield batch
