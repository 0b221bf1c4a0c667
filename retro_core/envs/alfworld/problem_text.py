"""Writes a furnished room and a goal as a PDDL problem in the form of the official games."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retro_core.envs.alfworld.catalogue import LAMPS, OBJECTS, OPENABLE
from retro_core.envs.alfworld.layouts import Layout, PlacedReceptacle

_AGENT = "agent1"
_DOMAIN_OBJECT_TYPES = frozenset({"Knife", "ButterKnife"})  # the domain's actions name these types
_DOMAIN_RECEPTACLE_TYPES = frozenset({"SinkBasin", "Microwave", "Fridge"})


@dataclass(frozen=True, slots=True)
class PlacedObject:
    """An object and the receptacle where it lies."""

    id: str
    type: str
    abilities: tuple[str, ...]
    receptacle: PlacedReceptacle


def write_problem(name: str, layout: Layout, objects: Sequence[PlacedObject], goal: str) -> str:
    """Write the problem. Names are lists in a fixed order, so equal rooms give equal text."""
    declared = "\n".join(f"        {line}" for line in _declarations(layout, objects))
    facts = "\n".join(f"        ({fact})" for fact in _facts(layout, objects))
    return (
        f"(define (problem {name})\n    (:domain alfred)\n"
        f"    (:objects\n{declared}\n    )\n"
        f"    (:init\n        (= (total-cost) 0)\n{facts}\n    )\n"
        f"    (:goal {goal})\n    (:metric minimize (total-cost))\n)\n"
    )


def _declarations(layout: Layout, objects: Sequence[PlacedObject]) -> Iterator[str]:
    yield f"{_AGENT} - agent"
    for kind in sorted({thing.type for thing in objects} | _DOMAIN_OBJECT_TYPES):
        yield f"{kind}Type - otype"
    for kind in sorted({r.type for r in layout.receptacles} | _DOMAIN_RECEPTACLE_TYPES):
        yield f"{kind}Type - rtype"
    for thing in objects:
        yield f"{thing.id} - object"
    for receptacle in layout.receptacles:
        yield f"{receptacle.id} - receptacle"
    for location in sorted({layout.start, *(r.location for r in layout.receptacles)}):
        yield f"{location} - location"


def _facts(layout: Layout, objects: Sequence[PlacedObject]) -> Iterator[str]:
    for receptacle in layout.receptacles:
        yield f"receptacleType {receptacle.id} {receptacle.type}Type"
        yield f"receptacleAtLocation {receptacle.id} {receptacle.location}"
        if receptacle.type in OPENABLE:
            yield f"openable {receptacle.id}"
    yield f"atLocation {_AGENT} {layout.start}"
    yield from _containment(layout, objects)
    for thing in objects:
        yield f"objectType {thing.id} {thing.type}Type"
        yield f"inReceptacle {thing.id} {thing.receptacle.id}"
        yield f"wasInReceptacle {thing.id} {thing.receptacle.id}"
        yield f"objectAtLocation {thing.id} {thing.receptacle.location}"
        for ability in thing.abilities:
            yield f"{ability} {thing.id}"


def _containment(layout: Layout, objects: Sequence[PlacedObject]) -> Iterator[str]:
    kinds = {**OBJECTS, **LAMPS}
    furniture = {receptacle.type for receptacle in layout.receptacles}
    for thing in sorted({placed.type for placed in objects}):
        for place in sorted(furniture.intersection(kinds[thing].places.get(layout.room, ()))):
            yield f"canContain {place}Type {thing}Type"
