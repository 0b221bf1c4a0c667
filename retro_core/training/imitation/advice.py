"""Reflections for the actor's training games: right, partial, wrong and useless ones."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from retro_core.training.imitation.chores import Chore

AdviceKind = Literal["none", "full", "free", "prefix", "search", "wrong", "useless", "several"]

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
    plan = {
        "full": lambda: right,
        "prefix": lambda: right[: max(2, len(right) // 2)],
        "search": lambda: _search(right, receptacles, rng),
        "wrong": lambda: _misled(right, receptacles, rng),
    }[kind]()
    return Advice(kind, (_structured(chore, plan, rng),), plan)


def _structured(chore: Chore, plan: Sequence[str], rng: random.Random) -> str:
    lines = [f"{number}. {command}" for number, command in enumerate(plan, start=1)]
    return "\n".join([f"Mistake: {_mistake(chore, rng)}", "Plan:", *lines])


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
