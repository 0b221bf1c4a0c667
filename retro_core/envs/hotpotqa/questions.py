"""Questions about an invented world whose answers need two of its articles."""

import itertools
import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from retro_core.envs.hotpotqa.world import Person, Town, Work, World, make_world
from retro_core.errors import InvalidInput
from retro_core.types import Task

SPLITS = ("train", "valid_seen", "valid_unseen")
VALID_SEEN_EVERY = 4  # one question text in four is kept for validation
MOST_WORLDS = 1000  # per seed and land

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question:
    """`titles` are the articles that hold the answer."""

    text: str
    answer: str
    titles: tuple[str, ...]
    kind: str  # "bridge" or "comparison"


def generate(*, count: int, split: str, seed: int) -> list[Task]:
    """Questions of one split. Train and valid_seen share worlds but no question."""
    if split not in SPLITS:
        raise InvalidInput(f"HotPotQA has no split {split!r}; there are: {', '.join(SPLITS)}.")
    chosen = list(itertools.islice(_split_questions(split, seed), count))
    if len(chosen) < count:
        raise InvalidInput(f"There are {len(chosen)} questions for {split}, not {count}.")
    return [
        Task(
            id=f"hotpotqa-{split}-{seed}-{number}",
            environment="hotpotqa",
            goal=question.text,
            split=split,
            task_type=question.kind,
            payload={
                "question": question.text,
                "answer": question.answer,
                "supporting_titles": list(question.titles),
                "pages": {"world": world},
            },
        )
        for number, (world, question) in enumerate(chosen)
    ]


def _split_questions(split: str, seed: int) -> Iterator[tuple[str, Question]]:
    land = "unseen" if split == "valid_unseen" else "seen"
    asked: set[str] = set()
    for number in range(MOST_WORLDS):
        world = f"{land}-{seed}-{number}"
        for question in world_questions(world):
            fits = land == "unseen" or _is_kept(question.text) == (split == "valid_seen")
            if fits and question.text not in asked:
                asked.add(question.text)
                yield world, question


def _is_kept(text: str) -> bool:
    """Decided by the text alone, so that no two worlds put it in different splits."""
    return zlib.crc32(text.encode()) % VALID_SEEN_EVERY == 0


def world_questions(name: str) -> list[Question]:
    """All questions of a world in a shuffled order, each text once."""
    world, rng = make_world(name), random.Random(f"questions/{name}")
    questions = {one.text: one for one in (*_bridges(world), *_comparisons(world, rng))}
    ordered = list(questions.values())
    rng.shuffle(ordered)
    return ordered


def _bridges(world: World) -> Iterator[Question]:
    for book in world.books:
        yield from _about_author(book)
    for person in (*world.authors, *world.builders):
        yield from _about_birthplace(person)
    for ship in world.ships:
        name = ship.name.removesuffix(" (ship)")
        text = f"What is the town known for in which the ship {name} was built?"
        yield _bridge(text, ship.place.craft, ship, ship.place)
    for festival in world.festivals:
        text = f"In what year was the person born who is honoured by {festival.name}?"
        yield _bridge(text, str(festival.person.born), festival, festival.person)
        text = f"In what year was the town founded that holds {festival.name}?"
        yield _bridge(text, str(festival.place.founded), festival, festival.place)
    for museum in world.museums:
        text = f"Where was the person born who designed the building of the {museum.name}?"
        yield _bridge(text, museum.person.birthplace.name, museum, museum.person)
    for bridge in world.bridges:
        text = f"How many kilometres long is the river that the {bridge.name} crosses?"
        river = bridge.place.river
        yield Question(text, str(river.kilometres), (bridge.name, river.name), "bridge")


def _about_author(book: Work) -> Iterator[Question]:
    author = book.person
    yield _bridge(
        f"In which town was the author of {book.name} born?", author.birthplace.name, book, author
    )
    yield _bridge(
        f"What was the profession of the person who wrote {book.name}?",
        author.profession,
        book,
        author,
    )


def _about_birthplace(person: Person) -> Iterator[Question]:
    town = person.birthplace
    yield _bridge(
        f"On which river is the town where {person.name} was born?", town.river.name, person, town
    )
    yield _bridge(f"What is the birthplace of {person.name} known for?", town.craft, person, town)


Thing = Person | Town | Work


def _bridge(text: str, answer: str, first: Thing, second: Thing) -> Question:
    return Question(text, answer, (first.name, second.name), "bridge")


def _comparisons(world: World, rng: random.Random) -> Iterator[Question]:
    for book, second in _pairs(world.books, rng):
        text = f"Which book was published first, {book.name} or {second.name}?"
        earlier = book if book.year < second.year else second
        if book.year != second.year:
            yield _comparison(text, earlier.name, book, second)
    for town, other in _pairs(world.towns, rng):
        text = f"Which town is older, {town.name} or {other.name}?"
        older = town if town.founded < other.founded else other
        yield _comparison(text, older.name, town, other)
        text = f"Are {town.name} and {other.name} on the same river?"
        yield _comparison(text, "yes" if town.river == other.river else "no", town, other)
    for person, peer in _pairs(world.authors, rng):
        text = f"Who was born first, {person.name} or {peer.name}?"
        elder = person if person.born < peer.born else peer
        yield _comparison(text, elder.name, person, peer)


def _comparison(text: str, answer: str, first: Thing, second: Thing) -> Question:
    return Question(text, answer, (first.name, second.name), "comparison")


def _pairs(things: Sequence[T], rng: random.Random) -> Iterator[tuple[T, T]]:
    """Each thing beside the next one of a shuffled row."""
    row = list(things)
    rng.shuffle(row)
    return itertools.pairwise(row)
