"""What an import has done so far, and the way to refuse a row."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

Refuse = Callable[[int, str], None]


@dataclass(slots=True)
class Taken:
    """Rows that are new and rows that were here already, by table; where they can be seen."""

    new: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    experiments: dict[int, str] = field(default_factory=dict)
    task_sets: dict[int, str] = field(default_factory=dict)
