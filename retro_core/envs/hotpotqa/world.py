"""Invented worlds: some sixty articles about places, people and things that refer to each other."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from retro_core.envs.hotpotqa.pages import GivenPages, Page
from retro_core.errors import InvalidInput

LANDS = ("seen", "unseen")
WORLDS_KEPT = 16
TOWNS, RIVERS, AUTHORS, BUILDERS = 10, 5, 10, 6
BOOKS, SHIPS, FESTIVALS, MUSEUMS, BRIDGES = 10, 5, 5, 5, 5


@dataclass(frozen=True, slots=True)
class River:
    name: str
    kilometres: int


@dataclass(frozen=True, slots=True)
class Town:
    name: str
    river: River
    founded: int
    craft: str
    people: int


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    profession: str
    born: int
    birthplace: Town


@dataclass(frozen=True, slots=True)
class Work:
    """A thing that somebody made, somewhere, in some year: book, ship, museum, bridge, festival."""

    name: str
    year: int
    person: Person
    place: Town
    detail: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """Everything there is; names are unique across all kinds."""

    rivers: tuple[River, ...]
    towns: tuple[Town, ...]
    authors: tuple[Person, ...]
    builders: tuple[Person, ...]
    books: tuple[Work, ...]
    ships: tuple[Work, ...]
    festivals: tuple[Work, ...]
    museums: tuple[Work, ...]
    bridges: tuple[Work, ...]


@lru_cache(WORLDS_KEPT)
def make_world(name: str) -> World:
    """The world of a name such as "seen-7-0": the land its names come from, seed, number."""
    land = name.split("-")[0]
    if land not in LANDS:
        raise InvalidInput(f"No invented world {name!r}; names begin with seen or unseen.")
    return _Maker(land, random.Random(f"world/{name}")).world()


@lru_cache(WORLDS_KEPT)
def world_pages(name: str) -> GivenPages:
    """The articles of a world, searchable."""
    return GivenPages(articles(make_world(name)))


@cache
def _words() -> Any:  # the JSON file beside this one
    return json.loads(files(__package__).joinpath("world_words.json").read_text(encoding="utf-8"))


class _Maker:
    """Draws the parts of one world in order, each kind from the kinds before it."""

    def __init__(self, land: str, rng: random.Random) -> None:
        self.land, self.rng, self.words = land, rng, _words()

    def world(self) -> World:
        rivers = tuple(
            River(f"River {name}", self.rng.randrange(38, 610))
            for name in self._some(self._named("rivers"), RIVERS)
        )
        towns = self._towns(rivers)
        people = iter(self._names(AUTHORS + BUILDERS))
        authors = self._people(people, AUTHORS, self.words["professions"], towns)
        builders = self._people(people, BUILDERS, self.words["builders"], towns)
        return World(
            rivers=rivers,
            towns=towns,
            authors=authors,
            builders=builders,
            books=self._books(authors, towns),
            ships=self._works(
                (f"{name} (ship)" for name in self._named("ships")), SHIPS, builders, towns
            ),
            festivals=self._works(
                self._named("festivals"), FESTIVALS, authors, towns, self.words["months"]
            ),
            museums=self._works(self._named("museums"), MUSEUMS, builders, towns),
            bridges=self._works(self._named("bridges"), BRIDGES, builders, towns),
        )

    def _named(self, kind: str) -> list[str]:
        """The land's own names, so that no question fits a world of the other land."""
        names: list[str] = self.words[kind][self.land]
        return names

    def _some(self, choices: Sequence[str], count: int) -> list[str]:
        return self.rng.sample(list(choices), count)

    def _names(self, count: int) -> list[str]:
        first = self._some(self._named("first_names"), count)
        last = self._some(self._named("last_names"), count)
        return [f"{one} {other}" for one, other in zip(first, last, strict=True)]

    def _towns(self, rivers: tuple[River, ...]) -> tuple[Town, ...]:
        years = self.rng.sample(range(1040, 1720), TOWNS)
        crafts = self.rng.choices(self.words["crafts"], k=TOWNS)
        names = self._some(self._named("towns"), TOWNS)
        return tuple(
            Town(name, self.rng.choice(rivers), year, craft, self.rng.randrange(900, 48_000))
            for name, year, craft in zip(names, years, crafts, strict=True)
        )

    def _people(
        self, names: Iterator[str], count: int, professions: Sequence[str], towns: tuple[Town, ...]
    ) -> tuple[Person, ...]:
        years = self.rng.sample(range(1742, 1900), count)
        return tuple(
            Person(next(names), self.rng.choice(professions), year, self.rng.choice(towns))
            for year in years
        )

    def _books(self, authors: tuple[Person, ...], towns: tuple[Town, ...]) -> tuple[Work, ...]:
        first = self._some(self._named("book_first"), BOOKS)
        second = self._some(self._named("book_second"), BOOKS)
        titles = [f"{one} {other}" for one, other in zip(first, second, strict=True)]
        return self._works(titles, BOOKS, authors, towns, self.words["subjects"])

    def _works(
        self,
        names: Sequence[str] | Iterator[str],
        count: int,
        people: tuple[Person, ...],
        towns: tuple[Town, ...],
        details: Sequence[str] = ("",),
    ) -> tuple[Work, ...]:
        makers = self.rng.sample(people, min(count, len(people)))
        ages = self.rng.sample(range(22, 71), count)
        return tuple(
            Work(name, maker.born + age, maker, place, self.rng.choice(details))
            for name, maker, age, place in zip(
                self._some(list(names), count),
                makers,
                ages,
                self.rng.sample(towns, count),
                strict=True,
            )
        )


def articles(world: World) -> Iterator[Page]:
    """One page for everything in a world."""
    for river in world.rivers:
        yield Page(river.name, _river_text(river, world))
    for town in world.towns:
        yield Page(town.name, _town_text(town, world))
    for person in (*world.authors, *world.builders):
        yield Page(person.name, _person_text(person, world))
    for book in world.books:
        yield Page(book.name, _book_text(book))
    for kind, works in _other_works(world):
        for work in works:
            yield Page(work.name, _work_text(kind, work))


def _other_works(world: World) -> tuple[tuple[str, tuple[Work, ...]], ...]:
    return (
        ("ship", world.ships),
        ("festival", world.festivals),
        ("museum", world.museums),
        ("bridge", world.bridges),
    )


def _river_text(river: River, world: World) -> str:
    towns = [town.name for town in world.towns if town.river == river]
    banks = f" It flows through {' and '.join(towns)}." if towns else " No town stands on it."
    return (
        f"The {river.name} is a river of {river.kilometres} kilometres.{banks} It ends in the sea."
    )


def _town_text(town: Town, world: World) -> str:
    born = [p.name for p in (*world.authors, *world.builders) if p.birthplace == town]
    natives = f" Natives of the town include {' and '.join(born)}." if born else ""
    return (
        f"{town.name} is a town on the {town.river.name}. It has {town.people} inhabitants. "
        f"The town square is paved with river stones. A market is held there every week. "
        f"Two roads and a footpath lead to it. "
        f"It was founded in {town.founded}. The town is known for {town.craft}.{natives}"
    )


def _person_text(person: Person, world: World) -> str:
    books = [book for book in world.books if book.person == person]
    wrote = "".join(f" In {book.year} appeared {book.name}." for book in books)
    article = "an" if person.profession[0] in "aeiou" else "a"
    return (
        f"{person.name} was {article} {person.profession}, born in {person.born} "
        f"in {person.birthplace.name}.{wrote} "
        f"Letters to a brother show a careful worker who disliked travel."
    )


def _book_text(book: Work) -> str:
    return (
        f"{book.name} is a book by {book.person.name}, first published in {book.year}. "
        f"It tells of {book.detail}. The story is set in a place much like {book.place.name}."
    )


def _work_text(kind: str, work: Work) -> str:
    if kind == "ship":
        name = work.name.removesuffix(" (ship)")
        return (
            f"The {name} was a ship built in {work.place.name} in {work.year}. "
            f"{work.person.name} drew its plans. It carried mail and sometimes sheep."
        )
    if kind == "festival":
        name = work.name[0].upper() + work.name[1:]
        return (
            f"{name} is a festival held every {work.detail} in {work.place.name}. "
            f"It honours {work.person.name}. It was first held in {work.year}."
        )
    if kind == "museum":
        return (
            f"The {work.name} is a museum in {work.place.name}. It opened in {work.year} in a "
            f"building by {work.person.name}. Entry is free on rainy days."
        )
    return (
        f"The {work.name} crosses the {work.place.river.name} at {work.place.name}. "
        f"It was designed by {work.person.name} and opened in {work.year}."
    )
