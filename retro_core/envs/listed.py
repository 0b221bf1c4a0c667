"""What a file of tasks holds, record by record: a task, or the reason why there is none."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from retro_core.errors import InvalidInput
from retro_core.types import Task


@dataclass(frozen=True, slots=True)
class Listed:
    """One record. `number` counts from 1 in `file`; a bad one has a `problem` instead of a task."""

    file: str
    number: int
    task: Task | None = None
    problem: str = ""


class BadRecords(InvalidInput):
    """Records that cannot be used, all of them by name."""

    def __init__(self, records: Iterable[Listed]) -> None:
        self.records = tuple(records)
        first = self.records[0]
        more = f" And {len(self.records) - 1} more." if len(self.records) > 1 else ""
        super().__init__(f"{first.file}, row {first.number}: {first.problem}{more}")


def tasks_or_error(found: Iterable[Listed]) -> Iterator[Task]:
    """The tasks alone. Raises BadRecords at the first record that is none."""
    for one in found:
        if one.task is None:
            raise BadRecords([one])
        yield one.task
