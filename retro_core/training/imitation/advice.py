"""Reflections for the actor's training games: right, partial, searching, wrong and useless ones."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from retro_core.hindsight import MISTAKE, MOST_VISITS, UNSEEN_MISTAKE
from retro_core.training.imitation.chores import Chore

AdviceKind = Literal[
    "none", "full", "free", "prefix", "search", "wrong", "useless", "several", "tour", "tours"
]

ON_TOUR_SHARE = 0.65  # of the tours that lead by the thing
SEEN_SHARE = 0.4  # of failures after failures whose last reflection knows where the thing is

Shares = Mapping[AdviceKind, float]
"""How often each kind of advice is in the training games."""

FOLLOWING: Shares = {
    "none": 0.22,
    "full": 0.22,
    "free": 0.08,
    "prefix": 0.08,
    "search": 0.16,
    "wrong": 0.08,
    "useless": 0.06,
    "several": 0.10,
}
"""The first part of the tuning: to follow a plan."""

SEARCHING: Shares = {
    "none": 0.44,
    "full": 0.05,
    "prefix": 0.08,
    "search": 0.20,
    "wrong": 0.12,
    "useless": 0.05,
    "several": 0.06,
}
"""The second part: to search where there is no plan, and after a plan that failed."""

TOURING: Shares = {
    "none": 0.30,
    "full": 0.12,
    "prefix": 0.06,
    "tour": 0.28,
    "tours": 0.14,
    "wrong": 0.06,
    "useless": 0.04,
}
"""The third part: to see a search through that goes on with a guess, as reflectors write them."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Reflections as the actor reads them, and the commands the teacher takes from them."""

    kind: AdviceKind
    memory: tuple[str, ...]
    plan: tuple[str, ...]


def draw_advice(
    shares: Shares,
    chore: Chore,
    walkthrough: Sequence[str],
    receptacles: Sequence[str],
    rng: random.Random,
) -> Advice:
    """Draw a kind of advice by its share and write it."""
    kinds = list(shares)
    kind = rng.choices(kinds, [shares[k] for k in kinds])[0]
    return make_advice(kind, chore, walkthrough, receptacles, rng)


def make_advice(
    kind: AdviceKind,
    chore: Chore,
    walkthrough: Sequence[str],
    receptacles: Sequence[str],
    rng: random.Random,
) -> Advice:
    """Write advice of one kind for one game."""
    right = tuple(walkthrough)
    if kind == "none":
        return Advice(kind, (), ())
    if kind == "useless":
        return Advice(kind, (rng.choice(_USELESS),), ())
    if kind == "several":
        earlier = [_structured(chore, _misled(right, receptacles, rng), rng) for _ in range(2)]
        memory = (*earlier[: rng.randint(1, 2)], _structured(chore, right, rng))
        return Advice(kind, memory, right)
    if kind == "free":
        return Advice(kind, (_in_words(chore, right, rng),), right)
    if kind == "tour":
        plan = _tour(right, receptacles, rng)
        return Advice(kind, (_structured(chore, plan, rng, UNSEEN_MISTAKE),), plan)
    if kind == "tours":
        return _after_earlier(chore, right, receptacles, rng)
    plan = {
        "full": lambda: right,
        "prefix": lambda: right[: max(2, len(right) // 2)],
        "search": lambda: _search(right, receptacles, rng),
        "wrong": lambda: _misled(right, receptacles, rng),
    }[kind]()
    return Advice(kind, (_structured(chore, plan, rng),), plan)


def _after_earlier(
    chore: Chore, right: tuple[str, ...], receptacles: Sequence[str], rng: random.Random
) -> Advice:
    """One or two searches that failed, then another one or, once the thing was seen, its place."""
    failed = [_tour(right, receptacles, rng) for _ in range(rng.randint(1, 2))]
    earlier = [_structured(chore, plan, rng, UNSEEN_MISTAKE) for plan in failed]
    seen = rng.uniform(0, 1) < SEEN_SHARE
    plan = right if seen else _tour(right, receptacles, rng)
    last = _structured(chore, plan, rng, MISTAKE if seen else UNSEEN_MISTAKE)
    return Advice("tours", (*earlier, last), plan)


def _structured(chore: Chore, plan: Sequence[str], rng: random.Random, mistake: str = "") -> str:
    lines = [f"{number}. {command}" for number, command in enumerate(plan, start=1)]
    return "\n".join([mistake or f"Mistake: {_mistake(chore, rng)}", "Plan:", *lines])


def _in_words(chore: Chore, plan: Sequence[str], rng: random.Random) -> str:
    opening = rng.choice(("Next time I will", "In the next attempt I should", "I must"))
    return f"{_mistake(chore, rng)} {opening} {', then '.join(plan)}."


def _mistake(chore: Chore, rng: random.Random) -> str:
    thing, target = chore.thing, chore.target or chore.lamp
    lines = [
        f"I did not find the {thing}.",
        f"I looked for the {thing} in the wrong places.",
        f"I found the {thing} too late and the steps ran out.",
        f"I did not bring the {thing} to the {target}.",
        "I went back to places that I had already seen.",
        "I wasted steps on places that had nothing useful.",
        f"I took the wrong thing instead of the {thing}.",
    ]
    if chore.verb:
        lines += [f"I forgot to {chore.verb} the {thing}.", f"I did not {chore.verb} it in time."]
    if chore.count == 2:
        lines.append(f"I found only one {thing}.")
    return rng.choice(lines)


def _search(
    right: Sequence[str], receptacles: Sequence[str], rng: random.Random
) -> tuple[str, ...]:
    """A tour of places, the right one among them, with no word on what lies where."""
    goal = _source(right)
    others = [place for place in receptacles if place != goal]
    tour = rng.sample(others, min(len(others), rng.randint(1, 5)))
    tour.insert(rng.randint(0, len(tour)), goal)
    with_opening = rng.uniform(0, 1) < 0.5
    return tuple(line for place in tour for line in _visit(place, with_opening))


def _tour(right: Sequence[str], receptacles: Sequence[str], rng: random.Random) -> tuple[str, ...]:
    """Visits to places, then the chore as if the last one held the thing.

    So a reflector writes that was tuned on plans of hindsight (`retro_core/hindsight.py`): its
    guess of the place is as good as its knowledge, and the thing may lie in any place or in none.
    """
    goal = _source(right)
    others = [place for place in receptacles if place != goal]
    visits = rng.sample(others, min(len(others), rng.randint(2, MOST_VISITS)))
    if rng.uniform(0, 1) < ON_TOUR_SHARE:
        visits.insert(rng.randint(0, len(visits)), goal)
    taking = next(n for n, command in enumerate(right) if command.startswith("take "))
    rest = (command.replace(goal, visits[-1]) for command in right[taking:])
    return (*(f"go to {place}" for place in visits), *rest)


def _visit(place: str, with_opening: bool) -> list[str]:
    openable = ("drawer", "cabinet", "fridge", "microwave", "safe", "laundryhamper")
    opening = [f"open {place}"] if with_opening and place.startswith(openable) else []
    return [f"go to {place}", *opening]


def _misled(
    right: Sequence[str], receptacles: Sequence[str], rng: random.Random
) -> tuple[str, ...]:
    """The right plan with the thing's place replaced by another."""
    goal = _source(right)
    other = rng.choice([place for place in receptacles if place != goal] or [goal])
    return tuple(command.replace(goal, other) for command in right)


def _source(walkthrough: Sequence[str]) -> str:
    """The receptacle that the walkthrough first takes something from."""
    taking = next(command for command in walkthrough if command.startswith("take "))
    return taking.partition(" from ")[2]


_USELESS = (
    "I should try again and be more careful.",
    "Mistake: I failed the task.\nPlan:\n1. look",
    "The agent did not complete the task. It should think about where things are kept.",
    "I was not able to finish. Next time I will be faster and do better.",
    "Mistake: the steps ran out before I was done.\nPlan:\n1. inventory\n2. look",
)
