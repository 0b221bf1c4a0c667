"""Which lines of a reflection the steps of the next trial carried out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# A sentence ends after a word or the number of a thing ("shelf 1."), not after that of a list.
_END = r"(?:(?<=[a-z\])\"'][.!?])|(?<=[a-z] \d[.!?])|(?<=[a-z] \d\d[.!?]))"
_SENTENCE = re.compile(rf"\s*\S.*?(?:{_END}\s+|\s*\n\s*|\s*\Z)")
_WORD = re.compile(r"[a-z]+|\d+")
_ENDING = re.compile(r"(?<=[a-z]{3})(?:ing|ed|es|s|e)$")
_SMALL_WORDS = "a an the to in on at of from with into onto and or then it its my i"
_SMALL = frozenset(_WORD.findall(_SMALL_WORDS))
LEAST_WORDS = 2  # one word alone ("look") stands in too many sentences
SLACK = 3  # words that may stand between those of the action


@dataclass(frozen=True, slots=True)
class PlanLine:
    """A sentence of a reflection and the 0-based places of the steps that carried it out.

    The texts of all lines, joined, are the reflection.
    """

    text: str
    steps: tuple[int, ...]


def plan_lines(reflection: str, actions: Sequence[str]) -> list[PlanLine]:
    """Cut a reflection into sentences, and find for each the actions that it names.

    A sentence names an action if all its words stand close together in the sentence, in any
    form (open, opens, opening). A number matters only where the sentence has numbers.
    """
    stems = [_stems(action) for action in actions]
    return [
        PlanLine(sentence, _named(_stems(sentence), stems))
        for sentence in _SENTENCE.findall(reflection)
    ]


def _named(sentence: list[str], actions: Sequence[list[str]]) -> tuple[int, ...]:
    numbered = any(word.isdigit() for word in sentence)
    return tuple(
        place
        for place, action in enumerate(actions)
        if _stand_together(action if numbered else _without_numbers(action), sentence)
    )


def _stand_together(words: list[str], sentence: list[str]) -> bool:
    wanted = set(words)
    if len(wanted) < LEAST_WORDS:
        return False
    width = len(words) + SLACK
    starts = range(max(len(sentence) - len(wanted) + 1, 0))
    return any(wanted <= set(sentence[start : start + width]) for start in starts)


def _stems(text: str) -> list[str]:
    """The words that carry meaning, without their endings."""
    words = _WORD.findall(text.lower())
    return [_ENDING.sub("", word) for word in words if word not in _SMALL]


def _without_numbers(words: list[str]) -> list[str]:
    return [word for word in words if not word.isdigit()]
