"""The nouns of a product name: through spaCy where a model is installed, else by word lists."""

import re
from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from importlib.metadata import distributions

NounFinder = Callable[[str], tuple[str, ...]]

# Words of product names that are seldom nouns. What is not here counts as one: names are
# mostly nouns, and the score only asks whether two names share any of them.
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
TOKEN = re.compile(r"[^\W\d_](?:[\w.']*\w)?|\d[\w.,]*")
VERB_ENDINGS = ("ed",)
SHORTEST_VERB = 5
MODEL_PREFIX = "en-core-web-"
MODEL_SIZES = ("lg", "trf", "md", "sm")
NOUN_TAGS = frozenset({"NOUN", "PROPN"})


def approximate_nouns(name: str) -> tuple[str, ...]:
    """Words, in lower case, that are no number, function word, common adjective or participle.

    Splits at hyphens and slashes. It errs towards too many nouns: scores come out near spaCy's
    where names resemble each other, and exactly 0 where they share no content word.
    """
    words = (token.lower() for token in TOKEN.findall(name))
    return tuple(word for word in words if _is_nounlike(word))


def _is_nounlike(word: str) -> bool:
    if word[0].isdigit() or word in FUNCTION_WORDS or word in ADJECTIVES:
        return False
    return not (len(word) >= SHORTEST_VERB and word.endswith(VERB_ENDINGS))


def noun_finder() -> NounFinder:
    """The best means that this installation has."""
    model = _installed_model()
    return _spacy_nouns(model) if model else approximate_nouns


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
