"""More examples from one: the numbers of like-named things exchanged, in prompt and reflection.

Where a world numbers its things (`drawer 1`, `drawer 2`), the numbers mean nothing but which is
which. A reflector that sees the same failure under other numbers cannot learn the numbers by heart:
it has to read them off its prompt.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from random import Random

from retro_core.types import RatedReflection

_NAME = re.compile(r"\b([a-z]{2,20}) ([0-9]{1,2})\b")


def relabelled_copies(
    rows: Iterable[RatedReflection], copies: int, seed: int
) -> list[RatedReflection]:
    """Every row as it is, and `copies` - 1 times more with its numbers exchanged."""
    rng = Random(seed)
    kept = list(rows)
    return [
        *kept,
        *(relabelled(row, rng) for _ in range(copies - 1) for row in kept),
    ]


def relabelled(row: RatedReflection, rng: Random) -> RatedReflection:
    """The same reflection with the numbers of each kind of thing permuted among themselves."""
    numbers = _exchanged(f"{row.prompt}\n{row.text}", rng)

    def renamed(text: str) -> str:
        return _NAME.sub(lambda found: f"{found[1]} {numbers[found[1]][found[2]]}", text)

    return replace(row, prompt=renamed(row.prompt), text=renamed(row.text))


def _exchanged(text: str, rng: Random) -> Mapping[str, Mapping[str, str]]:
    """For each kind of thing the number that stands for each of its numbers."""
    found: dict[str, set[str]] = defaultdict(set)
    for kind, number in _NAME.findall(text):
        found[kind].add(number)
    exchanged = {}
    for kind, numbers in sorted(found.items()):
        ordered = sorted(numbers)
        exchanged[kind] = dict(zip(ordered, rng.sample(ordered, len(ordered)), strict=True))
    return exchanged
