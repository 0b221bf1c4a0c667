"""The generator's own rooms: which receptacles stand where, fixed, and apart for each split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from retro_core.envs.alfworld.catalogue import BASINS, RECEPTACLES, Room

SPLITS = ("train", "valid_seen", "valid_unseen")
ROOMS: tuple[Room, ...] = ("kitchen", "livingroom", "bedroom", "bathroom")
LAYOUTS_PER_ROOM: Mapping[str, int] = {"train": 80, "valid_seen": 16, "valid_unseen": 16}

_FEWEST, _MOST = 8, 25
_SHARED_SPOT = 0.15  # share of drawers and cabinets that are reached from their neighbour's place


@dataclass(frozen=True, slots=True)
class PlacedReceptacle:
    """A receptacle of a layout: its PDDL id, its type and the location it is reached from."""

    id: str
    type: str
    location: str


@dataclass(frozen=True, slots=True)
class Layout:
    """A furnished, empty room. `start` is where the agent stands at first."""

    name: str
    room: Room
    start: str
    receptacles: tuple[PlacedReceptacle, ...]


@cache
def layouts(room: Room, split: str) -> tuple[Layout, ...]:
    """The layouts of one kind of room in one split; no two furnish a room alike, in any split."""
    first = sum(LAYOUTS_PER_ROOM[earlier] for earlier in SPLITS[: SPLITS.index(split)])
    return _all_layouts(room)[first : first + LAYOUTS_PER_ROOM[split]]


@cache
def _all_layouts(room: Room) -> tuple[Layout, ...]:
    rng = Random(f"layouts of {room}")
    counts: dict[tuple[int, ...], None] = {}
    while len(counts) < sum(LAYOUTS_PER_ROOM.values()):
        drawn = tuple(rng.randint(low, high) for low, high in RECEPTACLES[room].values())
        if _FEWEST <= sum(drawn) <= _MOST:
            counts[drawn] = None
    return tuple(_furnish(room, number, drawn) for number, drawn in enumerate(counts, start=1))


def _furnish(room: Room, number: int, counts: Sequence[int]) -> Layout:
    rng = Random(f"layout {room} {number}")
    spots = [f"{x}_bar_{z}" for x in range(1, 13) for z in range(1, 13)]
    rng.shuffle(spots)
    placed: list[PlacedReceptacle] = []
    for kind, count in zip(RECEPTACLES[room], counts, strict=True):
        for nth in range(count):
            shares = nth > 0 and kind in ("Drawer", "Cabinet") and rng.uniform(0, 1) < _SHARED_SPOT
            location = placed[-1].location if shares else _location(spots.pop(), rng)
            placed.append(PlacedReceptacle(_receptacle_id(kind, rng), kind, location))
    return Layout(f"{room}-{number}", room, _location(spots.pop(), rng), tuple(placed))


def _location(spot: str, rng: Random) -> str:
    return f"loc_bar_{spot}_bar_{rng.randint(0, 3)}_bar_{rng.choice((30, 45, 60))}"


def _receptacle_id(kind: str, rng: Random) -> str:
    whole = BASINS.get(kind)
    return placed_id(whole, rng) + f"_bar_{kind}" if whole else placed_id(kind, rng)


def placed_id(kind: str, rng: Random) -> str:
    """A PDDL name of the official form: a type and three coordinates in metres."""
    numbers = (rng.uniform(-4, 4), rng.uniform(0.05, 2), rng.uniform(-4, 4))
    return "_bar_".join([kind, *(_mangled(number) for number in numbers)])


def _mangled(number: float) -> str:
    sign = "minus" if number < 0 else "plus"
    return f"_{sign}_{abs(number):05.2f}".replace(".", "_dot_")
