"""The small map of an episode, and the filters of its steps with their counts."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from math import ceil
from typing import Any

from django.db.models import Count, F, Min, Q

from webapp import present
from webapp.episodes.look import SHOWN, Look
from webapp.episodes.models import Episode
from webapp.episodes.timeline import step_address

MAP_CELLS = 100
MARKS = {"found": "has-found", "noted": "has-note"}


@dataclass(frozen=True, slots=True)
class MapCell:
    """One step in the small map beside the timeline."""

    number: int
    address: str
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Filter:
    """A way to show fewer steps, and how many it would show."""

    words: str
    address: str
    count: str
    is_on: bool
    is_empty: bool


@dataclass(frozen=True, slots=True)
class Map:
    """The small map, and the filters with their counts."""

    cells: list[MapCell]
    filters: list[Filter]


def minimap(episode: Episode, look: Look, found: Set[int], noted: Set[int]) -> Map:
    """One cell a step, or a few steps in a long episode; what is special stands out."""
    size = max(ceil(episode.step_count / MAP_CELLS), 1)
    cells = (
        episode.steps.order_by()
        .annotate(cell=F("index") / size)
        .values("cell")
        .annotate(
            start=Min("index"),
            errors=Count("pk", filter=Q(invalid=True) | Q(repaired=True)),
            rewarded=Count("pk", filter=~Q(reward=0)),
        )
        .order_by("cell")
    )
    rows = [_map_cell(cell, size, found, noted) for cell in cells]
    counts = {
        "errors": sum(cell["errors"] for cell in cells),
        "repeated": episode.repeated_count,
        "rewarded": sum(cell["rewarded"] for cell in cells),
        "dropped": episode.dropped_count,
        "noted": len(noted),
        "found": len(found),
    }
    return Map(rows, [_filter(look, name, counts.get(name)) for name in SHOWN])


def _map_cell(cell: Mapping[str, Any], size: int, found: Set[int], noted: Set[int]) -> MapCell:
    first = cell["start"]
    numbers = range(first + 1, first + 1 + size)
    kind = "rewarded" if cell["rewarded"] else "invalid" if cell["errors"] else ""
    words = {"errors": cell["errors"], "rewarded": cell["rewarded"]}
    marks = {
        "found": not found.isdisjoint(numbers),
        "noted": not noted.isdisjoint(numbers),
    }
    return MapCell(
        number=first + 1,
        address=step_address(first),
        kind=" ".join([kind, *(MARKS[name] for name, is_on in marks.items() if is_on)]).strip(),
        words=", ".join(name for name, is_on in {**words, **marks}.items() if is_on),
    )


def _filter(look: Look, name: str, count: int | None) -> Filter:
    return Filter(
        words=SHOWN[name],
        address=look.address(show=name),
        count="" if count is None else present.count(count),
        is_on=look.show == name,
        is_empty=count == 0,
    )
