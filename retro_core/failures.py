"""What went wrong in an episode, counted from its steps."""

from collections.abc import Sequence
from itertools import pairwise

from retro_core.alignment import Move

LONGEST_CYCLE = 6  # steps


def repeated_actions(moves: Sequence[Move]) -> int:
    """How many actions are the same as the one right before."""
    return sum(now.action == before.action for before, now in pairwise(moves))


def looped_steps(moves: Sequence[Move]) -> int:
    """How many steps go again through a cycle that was just gone through.

    A cycle is two to six steps that are not all alike; it is gone through again when the same
    actions get the same observations in the same order.
    """
    looped: set[int] = set()
    for length in range(2, LONGEST_CYCLE + 1):
        run = 0
        for place in range(length, len(moves)):
            run = run + 1 if moves[place] == moves[place - length] else 0
            if run >= length and len(set(moves[place - length + 1 : place + 1])) > 1:
                looped.update(range(place - length + 1, place + 1))
    return len(looped)
