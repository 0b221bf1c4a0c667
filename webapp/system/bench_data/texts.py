"""Invented texts as real logs have them: zipfian words, phrases that repeat, rare words."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

VOCABULARY, SENTENCES, ENTITIES, RARE = 20_000, 25_000, 8_000, 3_000
RARE_SHARE = 1 / 300  # of the steps hold one rare word
COMMON, THINGS, ONSETS, VOWELS = (
    line.split()
    for line in (
        "the to a of and you in is on it i that see for with was my at this not from go take next"
        " nothing first then should find need there have another look door open step plan because",
        "cabinet drawer shelf countertop fridge microwave sinkbasin stoveburner mug plate apple"
        " lamp desk bed sofa book pillow pen bowl egg tomato pan cup spoon towel candle box watch",
        "b br c ch d f fl g gr h j k l m n p pl qu r s sh sl st t th tr v w z",
        "a e i o u ai ea io ou",
    )
)
CODAS = ["", "", "n", "r", "s", "l", "t", "ck", "nd", "x"]


@dataclass(frozen=True, slots=True)
class Texts:
    """Pools to draw from; drawing is what fills millions of rows, so it must be cheap."""

    sentences: Sequence[str]
    entities: Sequence[str]
    rare: Sequence[str]
    rare_weights: Sequence[float]

    def some(self, rng: random.Random, most: int) -> str:
        """One to `most` sentences."""
        return " ".join(rng.choices(self.sentences, k=1 + int(rng.random() * most)))

    def rare_word(self, rng: random.Random) -> str:
        """A word that a handful of rows hold."""
        return rng.choices(self.rare, cum_weights=self.rare_weights)[0]

    def entity(self, rng: random.Random) -> str:
        """A name; a few are asked for all the time and most hardly ever."""
        return self.entities[int(len(self.entities) * rng.random() ** 3)]


def make_texts(seed: int) -> Texts:
    """The same pools for the same seed."""
    rng = random.Random(seed)
    words = _words(rng, VOCABULARY)
    cumulative = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
    names = _words(rng, 2 * ENTITIES)
    entities = [f"{a.title()} {b.title()}" for a, b in zip(names[::2], names[1::2], strict=True)]
    rare = [f"{word}{number}" for number, word in enumerate(_words(rng, RARE), start=100)]
    return Texts(
        sentences=[_sentence(rng, words, cumulative) for _ in range(SENTENCES)],
        entities=entities,
        rare=rare,
        rare_weights=list(accumulate(1 / rank**0.5 for rank in range(1, RARE + 1))),
    )


def _words(rng: random.Random, count: int) -> list[str]:
    """Common words first, then invented ones, each once."""
    made = dict.fromkeys(COMMON + THINGS)
    while len(made) < count:
        syllables = rng.choices((1, 2, 3), weights=(1, 5, 3))[0]
        parts = (rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(syllables))
        made["".join(parts) + rng.choice(CODAS)] = None
    return list(made)[:count]


def _sentence(rng: random.Random, words: list[str], cumulative: list[float]) -> str:
    drawn = rng.choices(words, cum_weights=cumulative, k=rng.randint(6, 14))
    if rng.random() < 0.3:
        drawn.append(f"{rng.choice(THINGS)} {rng.randint(1, 30)}")
    return " ".join(drawn).capitalize() + "."
