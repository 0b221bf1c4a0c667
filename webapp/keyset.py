"""Keyset pages, newest first: as quick at any depth as at the start."""

from dataclasses import dataclass
from math import isfinite
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import QueryDict

ModelT = TypeVar("ModelT", bound=Model)
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Page(Generic[ModelT]):
    """The rows of one page and the query strings of its neighbours, empty at an end."""

    rows: list[ModelT]
    newer: str
    older: str


def page_of(rows: "QuerySet[ModelT, Any]", query: QueryDict, size: int = 50) -> Page[ModelT]:
    """Cut the page that `?before=ID` or `?after=ID` asks for out of `rows`."""
    before, after = whole_number(query.get("before")), whole_number(query.get("after"))
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: size + 1])
        more_newer, shown = len(found) > size, found[:size][::-1]
        more_older = True
    else:
        wanted = rows if before is None else rows.filter(pk__lt=before)
        found = list(wanted.order_by("-pk")[: size + 1])
        more_older, shown = len(found) > size, found[:size]
        more_newer = before is not None
    newer = _with(query, "after", shown[0].pk) if shown and more_newer else ""
    older = _with(query, "before", shown[-1].pk) if shown and more_older else ""
    return Page(shown, newer, older)


def page_by(
    rows: "QuerySet[ModelT, Any]", query: QueryDict, order: str, size: int = 50
) -> Page[ModelT]:
    """The same in the order of a column, `-` before it for the largest first; ties by id.

    `?before=VALUE~ID` asks for the rows behind that one in this order, `?after=` for those in
    front of it. Rows without a value are left out.
    """
    column = order.removeprefix("-")
    rows = rows.filter(**{f"{column}__isnull": False})
    before, after = _mark(query.get("before")), _mark(query.get("after"))
    back = before is None and after is not None
    sign = "-" if order.startswith("-") != back else ""
    wanted = _past(rows, column, sign, after if back else before)
    found = list(wanted.order_by(f"{sign}{column}", f"{sign}pk")[: size + 1])
    more, shown = len(found) > size, found[:size][:: -1 if back else 1]
    more_newer, more_older = (more, True) if back else (before is not None, more)
    return Page(
        shown,
        _with(query, "after", _mark_of(shown[0], column)) if shown and more_newer else "",
        _with(query, "before", _mark_of(shown[-1], column)) if shown and more_older else "",
    )


def _mark(text: str | None) -> tuple[float, int] | None:
    """A value and an id, or None for anything else."""
    value, _, pk = (text or "").partition("~")
    try:
        number = float(value)
    except ValueError:
        return None
    row = whole_number(pk)
    return None if row is None or not isfinite(number) or abs(number) > 1e15 else (number, row)


def _mark_of(row: Model, column: str) -> str:
    return f"{getattr(row, column)!r}~{row.pk}"


def _past(
    rows: "QuerySet[ModelT, Any]", column: str, sign: str, mark: tuple[float, int] | None
) -> "QuerySet[ModelT, Any]":
    if mark is None:
        return rows
    value, pk = mark
    way = "lt" if sign else "gt"
    further = Q(**{f"{column}__{way}": value}) | Q(**{column: value, f"pk__{way}": pk})
    return rows.filter(further, **{f"{column}__{way}e": value})  # a range that an index can give


def whole_number(text: str | None) -> int | None:
    """A number that a row id could have, or None for anything else."""
    if not text or not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    return min(int(text), LARGEST_ID)


def _with(query: QueryDict, name: str, mark: object) -> str:
    changed = query.copy()
    for old in ("before", "after"):
        changed.pop(old, None)
    changed[name] = str(mark)
    return f"?{changed.urlencode()}"
