"""Which reflections of earlier trials the actor is shown."""

import re
from collections.abc import Iterable, Sequence

from retro_core.config import ExperimentConfig

_WORD = re.compile(r"\w+")


def remembered(reflections: Sequence[str], config: ExperimentConfig) -> tuple[str, ...]:
    """Choose among the reflections, oldest first, by the configured policy."""
    if config.memory_policy == "all":
        return tuple(reflections)
    if config.memory_policy == "last_k_distinct":
        reflections = without_near_repeats(reflections, config.near_repeat_share)
    return tuple(reflections[-config.memory_size :])


def without_near_repeats(reflections: Sequence[str], share: float) -> list[str]:
    """Keep the newest of each group of near-repeats, in the order given."""
    kept: list[str] = []
    for text in reversed(reflections):
        if not repeats_any(text, kept, share):
            kept.append(text)
    return kept[::-1]


def repeats_any(text: str, others: Iterable[str], share: float) -> bool:
    """Whether a text has that share of distinct words in common with any of the others."""
    return any(word_overlap(text, other) >= share for other in others)


def word_overlap(left: str, right: str) -> float:
    """Share of distinct words that two texts have in common (Jaccard), 0..1."""
    words, others = set(_WORD.findall(left.lower())), set(_WORD.findall(right.lower()))
    if not words and not others:
        return 1.0
    return len(words & others) / len(words | others)
