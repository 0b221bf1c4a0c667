"""More examples from one: names of things exchanged, the same in prompt and reflection.

Where a world names its things by kind and number (`drawer 1`), a reflector that sees the same
failure under other names cannot learn the names by heart: it has to read them off its prompt.
What an act needs (`clean ... with sinkbasin 1`, `use desklamp 1`) keeps its name: it is knowledge.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from random import Random

from retro_core.errors import InvalidInput
from retro_core.prompts.cues import CUES, cues_of
from retro_core.training.cues import prompts_of
from retro_core.types import RatedReflection

MOST_COPIES = 4  # times the usual number: beyond, a handful of plans would be learned by heart
_NAME = re.compile(r"\b([a-z]{2,20}) ([0-9]{1,2})\b")
_WORD = re.compile(r"[a-z]+")
_TAKEN = re.compile(r"take ([a-z]+) \d+ from")
_OPENED = re.compile(r"open ([a-z]+) \d+")
_NEEDED = re.compile(r"(?:with|use) ([a-z]+) \d+")

Groups = Sequence[Sequence[str]]
"""Kinds of things that may stand for each other."""


def relabelled_copies(
    rows: Iterable[RatedReflection], copies: int, seed: int, *, balanced: bool = False
) -> list[RatedReflection]:
    """Every row as it is, and `copies` - 1 times more with its names exchanged.

    A row of a world with other names (questions, a shop) stands there once: its words and numbers
    are no names, and showing it unchanged again would teach nothing new. `balanced` copies as in
    `copy_counts`.
    """
    rng = Random(seed)
    kept = list(rows)
    counts = copy_counts(kept, copies, balanced=balanced)
    groups = kinds_in([row for row in kept if names_by_number(row.environment)])
    again = (
        relabelled(row, groups, rng)
        for number in range(1, max(counts, default=0))
        for row, count in zip(kept, counts, strict=True)
        if number < count
    )
    return [*kept, *again]


def copy_counts(
    rows: Sequence[RatedReflection], copies: int, *, balanced: bool = False
) -> list[int]:
    """How often `relabelled_copies` shows each row.

    `balanced` shows as many reflections on failures that left something needed unfound as on
    others, and as many in all: a reflector shown few of one kind answers both as the other.
    """
    counts = [copies if names_by_number(row.environment) else 1 for row in rows]
    if balanced:
        named = [place for place, row in enumerate(rows) if names_by_number(row.environment)]
        found = [place for place in named if _found(rows[place])]
        searched = [place for place in named if place not in found]
        for group in (found, searched) if found and searched else ():
            shown = max(copies * len(named) // 2, len(group))
            for order, place in enumerate(group):
                share = shown // len(group) + (order < shown % len(group))
                counts[place] = min(share, MOST_COPIES * copies)
    return counts


def _found(row: RatedReflection) -> bool:
    """Whether a trial had seen all that the goal needs."""
    return cues_of(row.prompt, row.text, prompts_of(row.environment))[CUES.index("found")] == 1.0


@cache
def names_by_number(environment: str) -> bool:
    """Whether names look like `drawer 1` in this environment; not where it is unknown here."""
    try:
        prompts = prompts_of(environment)
    except InvalidInput:
        return False
    return re.fullmatch(prompts.optional("plan_name"), "drawer 1") is not None


def kinds_in(rows: Iterable[RatedReflection]) -> Groups:
    """The kinds that are taken, those that are opened, and other places, as reflections show."""
    rows = list(rows)
    texts = "\n".join(row.text for row in rows)
    named = {kind for row in rows for kind, _ in _NAME.findall(f"{row.prompt}\n{row.text}")}
    needed = set(_NEEDED.findall(texts))
    taken = set(_TAKEN.findall(texts)) - needed
    opened = set(_OPENED.findall(texts)) - needed - taken
    places = named - needed - taken - opened
    return [sorted(taken), sorted(opened), sorted(places)]


def relabelled(row: RatedReflection, groups: Groups, rng: Random) -> RatedReflection:
    """The same failure and reflection under other names.

    Each kind becomes another one of its group, and the numbers of each kind are permuted among
    themselves.
    """
    both = f"{row.prompt}\n{row.text}"
    kinds = _other_kinds(set(_WORD.findall(both)), groups, rng)
    numbers = _other_numbers(both, rng)

    def renamed(text: str) -> str:
        text = _NAME.sub(lambda found: f"{found[1]} {numbers[found[1]][found[2]]}", text)
        return _WORD.sub(lambda found: kinds.get(found[0], found[0]), text)

    return replace(row, prompt=renamed(row.prompt), text=renamed(row.text))


def _other_kinds(words: set[str], groups: Groups, rng: Random) -> Mapping[str, str]:
    kinds: dict[str, str] = {}
    for group in groups:
        here = [kind for kind in group if kind in words]
        kinds.update(zip(here, rng.sample(group, len(here)), strict=True))
    return kinds


def _other_numbers(text: str, rng: Random) -> Mapping[str, Mapping[str, str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for kind, number in _NAME.findall(text):
        found[kind].add(number)
    others = {}
    for kind, numbers in sorted(found.items()):
        ordered = sorted(numbers)
        others[kind] = dict(zip(ordered, rng.sample(ordered, len(ordered)), strict=True))
    return others
