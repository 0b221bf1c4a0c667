"""The failure atlas: what goes wrong, counted from the rollup, each number with its episodes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Sum
from django.urls import reverse

from webapp import present
from webapp.episodes.failures import KINDS
from webapp.episodes.models import FailureCount
from webapp.episodes.scope import Scope

DIMENSIONS = {
    "method": "By method",
    "environment": "By environment",
    "task_type": "By task type",
    "trial": "By trial",
}
ROWS_SHOWN = 40
DEPTHS = 5
Sums = dict[str, int]


@dataclass(frozen=True, slots=True)
class Cell:
    """How many episodes went wrong in one way: the number, its share, where they are listed."""

    words: str
    meaning: str
    count: str
    share: str
    depth: int
    address: str


@dataclass(frozen=True, slots=True)
class Line:
    """One value of a dimension, or all."""

    name: str
    episodes: Cell
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Table:
    """The lines of one dimension."""

    title: str
    lines: list[Line]
    left_out: int


@dataclass(frozen=True, slots=True)
class Atlas:
    """All tables; `everything` is the line over them."""

    everything: Line
    tables: list[Table]


def atlas(scope: Scope) -> Atlas:
    """Counts over the scope, by one query that reads the rollup alone."""
    rows = list(_rows(scope))
    tables = [_table(scope, name, title, rows) for name, title in DIMENSIONS.items()]
    whole = _line(scope, "All", _sums(rows), {})
    return Atlas(whole, [table for table in tables if len(table.lines) > 1])


def _rows(scope: Scope) -> Iterable[Mapping[str, Any]]:
    counts = scope.narrow(FailureCount.objects.all(), "task_type")
    sums = {f"{name}_sum": Sum(name) for name in ("episodes", *KINDS)}
    return (
        counts.order_by()
        .values(
            "task_type",
            "trial",
            method=F("experiment__method"),
            environment=F("experiment__environment"),
        )
        .annotate(**sums)
    )


def _sums(rows: Iterable[Mapping[str, Any]]) -> Sums:
    total: Sums = defaultdict(int)
    for row in rows:
        for name in ("episodes", *KINDS):
            total[name] += row[f"{name}_sum"]
    return total


def _table(scope: Scope, name: str, title: str, rows: list[Mapping[str, Any]]) -> Table:
    groups: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row[name]].append(row)
    known = [value for value in groups if value != ""]  # tasks may have no type
    order = sorted(known, key=str if name != "trial" else int)
    lines = [_line(scope, str(value), _sums(groups[value]), {name: value}) for value in order]
    return Table(title, lines[:ROWS_SHOWN], max(len(lines) - ROWS_SHOWN, 0))


def _line(scope: Scope, name: str, sums: Sums, chosen: dict[str, Any]) -> Line:
    whole = sums["episodes"]
    address = reverse("episodes:list")

    def cell(kind: str, words: str, meaning: str) -> Cell:
        count = sums[kind or "episodes"]
        share = count / whole if whole else 0.0
        return Cell(
            words=words,
            meaning=meaning,
            count=present.count(count),
            share=present.percent(share if whole else None),
            depth=min(int(share * DEPTHS), DEPTHS - 1) if count else -1,
            address=address + scope.address(**chosen, kind=kind or None) if count else "",
        )

    kinds = [cell(kind.name, kind.words, kind.meaning) for kind in KINDS.values()]
    return Line(name, cell("", "Episodes", ""), kinds)
