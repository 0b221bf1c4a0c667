"""Keyset pages, newest first: as quick at any depth as at the start."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
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


def whole_number(text: str | None) -> int | None:
    """A number that a row id could have, or None for anything else."""
    if not text or not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    return min(int(text), LARGEST_ID)


def _with(query: QueryDict, name: str, pk: int) -> str:
    changed = query.copy()
    for old in ("before", "after"):
        changed.pop(old, None)
    changed[name] = str(pk)
    return f"?{changed.urlencode()}"
