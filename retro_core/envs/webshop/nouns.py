"""The nouns of a product name: through spaCy where a model is installed, else by word lists."""

import re
from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from importlib.metadata import distributions

NounFinder = Callable[[str], tuple[str, ...]]

# What is not listed here counts as a noun: product names are mostly nouns. Taggers take a
# capitalised adjective or participle for part of a proper name, so those count in lower case only.
FUNCTION_WORDS = frozenset(
    {
        "a", "about", "above", "all", "an", "and", "any", "are", "as", "at", "be", "both", "but",
        "by", "can", "each", "every", "for", "from", "has", "have", "if", "in", "into", "is", "it",
        "its", "me", "more", "most", "my", "no", "non", "not", "of", "off", "on", "only", "or",
        "other", "our", "out", "over", "per", "plus", "so", "some", "such", "than", "that", "the",
        "their", "them", "these", "they", "this", "those", "to", "under", "up", "us", "very",
        "was", "we", "when", "where", "which", "while", "who", "will", "with", "without", "you",
        "your",
    }
)  # fmt: skip
ADJECTIVES = frozenset(
    {
        "adjustable", "automatic", "beautiful", "best", "big", "black", "blue", "bold", "bright",
        "brown", "cheap", "classic", "clean", "clear", "comfortable", "compatible", "cool", "cute",
        "daily", "dark", "deep", "digital", "double", "dry", "durable", "easy", "elastic",
        "electric", "extra", "fine", "flat", "flexible", "free", "fresh", "full", "good", "gray",
        "great", "green", "grey", "heavy", "high", "hot", "large", "light", "long", "loose", "low",
        "magnetic", "manual", "medium", "mini", "modern", "multi", "natural", "new", "nice", "old",
        "orange", "organic", "outdoor", "perfect", "pink", "portable", "premium", "professional",
        "pure", "purple", "red", "rich", "round", "safe", "sharp", "short", "single", "slim",
        "small", "smart", "smooth", "soft", "solid", "stainless", "strong", "super", "sweet",
        "synthetic", "tall", "thick", "thin", "tiny", "unique", "universal", "vintage", "warm",
        "white", "whole", "wide", "wireless", "yellow", "young",
    }
)  # fmt: skip
NEVER_NOUNS = FUNCTION_WORDS | {"compatible", "eat", "individually", "listed", "play", "wrapped"}
TOKEN = re.compile(r"[^\W\d_](?:[\w.']*\w)?|\d[\w.,]*")
PARTICIPLE_ENDING = "ed"
SHORTEST_PARTICIPLE = 5
MODEL_PREFIX = "en-core-web-"
MODEL_SIZES = ("lg", "trf", "md", "sm")
NOUN_TAGS = frozenset({"NOUN", "PROPN"})


def approximate_nouns(name: str) -> tuple[str, ...]:
    """Words, in lower case, that are no number, function word, common adjective or participle.

    Splits at hyphens and slashes. Over 1,500 pairs of catalogue names the type score came out
    as with spaCy's small English model in 93 % of cases, and the title score in 77 %.
    """
    return tuple(word.lower() for word in TOKEN.findall(name) if _is_nounlike(word))


def _is_nounlike(word: str) -> bool:
    if word[0].isdigit() or word.lower() in NEVER_NOUNS:
        return False
    if word[0].isupper():
        return True
    is_participle = len(word) >= SHORTEST_PARTICIPLE and word.endswith(PARTICIPLE_ENDING)
    return not is_participle and word not in ADJECTIVES


def noun_finder() -> NounFinder:
    """The best means that this installation has."""
    model = _installed_model()
    return _spacy_nouns(model) if model else approximate_nouns


@cache
def _installed_model() -> str:
    """The package name of the largest English spaCy model, "" where there is none."""
    names = {str(found.metadata["Name"] or "").replace("_", "-") for found in distributions()}
    if "spacy" not in names:
        return ""
    models = [name for name in names if name.startswith(MODEL_PREFIX)]
    return min(models, key=_preference, default="").replace("-", "_")


def _preference(model: str) -> tuple[int, str]:
    size = model.removeprefix(MODEL_PREFIX).split("-")[0]
    return (MODEL_SIZES.index(size) if size in MODEL_SIZES else len(MODEL_SIZES), model)


@cache
def _spacy_nouns(model: str) -> NounFinder:
    tag = import_module("spacy").load(model)  # optional, and slow to load

    @lru_cache(maxsize=10_000)
    def nouns(name: str) -> tuple[str, ...]:
        return tuple(word.text.lower() for word in tag(name) if word.pos_ in NOUN_TAGS)

    return nouns
