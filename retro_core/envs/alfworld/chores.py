"""The six kinds of chore: their words, the changes they ask for, and their goals in PDDL."""

from collections.abc import Mapping
from dataclasses import dataclass

TASK_TYPES = (
    "pick_and_place_simple",
    "look_at_obj_in_light",
    "pick_clean_then_place_in_recep",
    "pick_heat_then_place_in_recep",
    "pick_cool_then_place_in_recep",
    "pick_two_obj_and_place",
)

WORDS: Mapping[str, tuple[str, str]] = {
    "pick_and_place_simple": ("put a {thing} in {place}", "put some {thing} on {place}"),
    "look_at_obj_in_light": (
        "look at {thing} under the {place}",
        "examine the {thing} with the {place}",
    ),
    "pick_clean_then_place_in_recep": (
        "put a clean {thing} in {place}",
        "clean some {thing} and put it in {place}",
    ),
    "pick_heat_then_place_in_recep": (
        "put a hot {thing} in {place}",
        "heat some {thing} and put it in {place}",
    ),
    "pick_cool_then_place_in_recep": (
        "put a cool {thing} in {place}",
        "cool some {thing} and put it in {place}",
    ),
    "pick_two_obj_and_place": (
        "put two {thing} in {place}",
        "find two {thing} and put them in {place}",
    ),
}
"""The goal in words; `place` is the receptacle's type, or the lamp's."""


@dataclass(frozen=True, slots=True)
class Change:
    """How a chore changes an object before placing it."""

    verb: str
    ability: str
    appliance: str
    state: str


CHANGES: Mapping[str, Change] = {
    "pick_clean_then_place_in_recep": Change("clean", "cleanable", "SinkBasin", "isClean"),
    "pick_heat_then_place_in_recep": Change("heat", "heatable", "Microwave", "isHot"),
    "pick_cool_then_place_in_recep": Change("cool", "coolable", "Fridge", "isCool"),
}


@dataclass(frozen=True, slots=True)
class Chore:
    """What is to be done: a task type, an object type, and a receptacle or lamp type."""

    task_type: str
    thing: str
    place: str


def goal_text(chore: Chore) -> str:
    """The goal as a PDDL formula, in the form of the official problems."""
    if chore.task_type == "look_at_obj_in_light":
        return (
            "(and (exists (?ot - object ?r - receptacle ?a - agent ?l - location)"
            f" (and (objectType ?ot {chore.place}Type) (toggleable ?ot) (isToggled ?ot)"
            " (receptacleAtLocation ?r ?l) (atLocation ?a ?l) (inReceptacle ?ot ?r)))"
            f" (exists (?o - object ?a - agent)"
            f" (and (objectType ?o {chore.thing}Type) (holds ?a ?o))))"
        )
    if chore.task_type == "pick_two_obj_and_place":
        second = f"(not (= ?o1 ?o2)) {_placed('?o2', chore)}"
        inner = f"{_placed('?o1', chore)} (exists (?o2 - object) (and {second}))"
        return f"(and (exists (?r - receptacle) (exists (?o1 - object) (and {inner}))))"
    change = CHANGES.get(chore.task_type)
    states = f"({change.ability} ?o) ({change.state} ?o) " if change else ""
    inner = f"{states}{_placed('?o', chore)}"
    return f"(and (exists (?r - receptacle) (exists (?o - object) (and {inner}))))"


def _placed(variable: str, chore: Chore) -> str:
    return (
        f"(objectType {variable} {chore.thing}Type) (receptacleType ?r {chore.place}Type)"
        f" (inReceptacle {variable} ?r)"
    )
