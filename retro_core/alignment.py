"""How two trials of a task differ step by step, and two reflections word by word."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

PairKind = Literal["same", "answered_otherwise", "changed", "left_out", "added"]
WordKind = Literal["same", "removed", "added"]
SAME_ACTION, SAME_STEP = 2, 3  # what a matched pair is worth
_PIECE = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True)
class Move:
    """What an alignment looks at in a step: texts or their digests."""

    action: str
    observation: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A step of the earlier trial beside the step of the later one that stands for it.

    Places are 0-based; None where one trial has no such step. `answered_otherwise` is the same
    action with another observation, `changed` another action in the same place.
    """

    kind: PairKind
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class Words:
    """A stretch of text that two versions share, or that one of them has alone."""

    kind: WordKind
    text: str


def aligned(before: Sequence[Move], after: Sequence[Move]) -> list[Pair]:
    """Every step of both trials once, in order, like steps beside each other.

    Among all ways to match equal actions in order, the one that matches most; a pair with the
    same observation counts more. Costs len(before) * len(after) after their common beginning.
    """
    start = _common_actions(before, after)
    matched = [(place, place) for place in range(start)]
    matched += [(start + a, start + b) for a, b in _matches(before[start:], after[start:])]
    pairs: list[Pair] = []
    low, other_low = 0, 0
    for place, other in [*matched, (len(before), len(after))]:
        pairs += _unmatched(range(low, place), range(other_low, other))
        if place < len(before):
            equal = before[place].observation == after[other].observation
            pairs.append(Pair("same" if equal else "answered_otherwise", place, other))
        low, other_low = place + 1, other + 1
    return pairs


def first_parting(pairs: Sequence[Pair]) -> int | None:
    """The place among the pairs where the actions first differ; None if they never do."""
    kinds = ("same", "answered_otherwise")
    return next((place for place, pair in enumerate(pairs) if pair.kind not in kinds), None)


def word_changes(old: str, new: str) -> list[Words]:
    """What to strike from the old text and what to write into it to get the new one."""
    left, right = _PIECE.findall(old), _PIECE.findall(new)
    plain = [[piece.strip() for piece in pieces] for pieces in (left, right)]
    changes: list[Words] = []
    matcher = SequenceMatcher(None, plain[0], plain[1], autojunk=False)
    for kind, low, high, other_low, other_high in matcher.get_opcodes():
        if kind == "equal":
            changes.append(Words("same", "".join(right[other_low:other_high])))
            continue
        if low < high:
            changes.append(Words("removed", "".join(left[low:high])))
        if other_low < other_high:
            changes.append(Words("added", "".join(right[other_low:other_high])))
    return changes


def _common_actions(before: Sequence[Move], after: Sequence[Move]) -> int:
    """How many actions the two have in common at the beginning."""
    count = 0
    for old, new in zip(before, after, strict=False):
        if old.action != new.action:
            break
        count += 1
    return count


def _worth(old: Move, new: Move) -> int:
    if old.action != new.action:
        return 0
    return SAME_STEP if old.observation == new.observation else SAME_ACTION


def _matches(before: Sequence[Move], after: Sequence[Move]) -> list[tuple[int, int]]:
    """The best matching in order: `best[a][b]` is its worth for what begins at a and b."""
    rows, columns = len(before), len(after)
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    for a in range(rows - 1, -1, -1):
        for b in range(columns - 1, -1, -1):
            worth = _worth(before[a], after[b])
            pair = worth + best[a + 1][b + 1] if worth else 0
            best[a][b] = max(pair, best[a + 1][b], best[a][b + 1])
    found, a, b = [], 0, 0
    while a < rows and b < columns:
        worth = _worth(before[a], after[b])
        if worth and best[a][b] == worth + best[a + 1][b + 1]:
            found.append((a, b))
            a, b = a + 1, b + 1
        elif best[a][b] == best[a + 1][b]:
            a += 1
        else:
            b += 1
    return found


def _unmatched(old: range, new: range) -> list[Pair]:
    """Steps between two matches: side by side while both have some."""
    together = min(len(old), len(new))
    return [
        *(Pair("changed", a, b) for a, b in zip(old, new, strict=False)),
        *(Pair("left_out", place, None) for place in old[together:]),
        *(Pair("added", None, place) for place in new[together:]),
    ]
