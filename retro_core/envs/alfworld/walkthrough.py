"""Finds the shortest solution of a chore in a game whose contents are known."""

from collections.abc import Callable, Iterator, Mapping
from itertools import permutations, product

from retro_core.envs.alfworld.chores import CHANGES, Chore
from retro_core.envs.alfworld.game import Game, Receptacle, Thing


class _Route:
    """The commands of a walk through a game, leaving out what is already so."""

    def __init__(self, game: Game) -> None:
        self.commands: list[str] = []
        self._location = game.start
        self._opened = {name for (name,) in game.facts.get("opened", ())}

    def go_to(self, receptacle: Receptacle) -> None:
        if self._location != receptacle.location:
            self.commands.append(f"go to {receptacle.name}")
            self._location = receptacle.location

    def reach_into(self, receptacle: Receptacle) -> None:
        self.go_to(receptacle)
        if receptacle.openable and receptacle.id not in self._opened:
            self.commands.append(f"open {receptacle.name}")
            self._opened.add(receptacle.id)

    def fetch(self, thing: Thing, source: Receptacle) -> None:
        self.reach_into(source)
        self.commands.append(f"take {thing.name} from {source.name}")

    def put(self, thing: Thing, target: Receptacle) -> None:
        self.reach_into(target)
        self.commands.append(f"move {thing.name} to {target.name}")


def walkthrough(game: Game, chore: Chore) -> list[str]:
    """The shortest solution, first in alphabetical order among equals; empty if there is none."""
    routes = list(_ROUTES.get(chore.task_type, _routes_to_place)(game, chore))
    return min(routes, key=lambda commands: (len(commands), commands), default=[])


def _things(game: Game, kind: str) -> list[tuple[Thing, Receptacle]]:
    by_id = {receptacle.id: receptacle for receptacle in game.receptacles}
    where = sorted(game.facts.get("inreceptacle", ()))
    type_name = f"{kind}Type".lower()
    return [(game.things[o], by_id[r]) for o, r in where if type_name in game.things[o].types]


def _of_type(game: Game, kind: str) -> list[Receptacle]:
    return [r for r in game.receptacles if f"{kind}Type".lower() in r.types]


def _routes_to_place(game: Game, chore: Chore) -> Iterator[list[str]]:
    change = CHANGES.get(chore.task_type)
    appliances = _of_type(game, change.appliance) if change else [None]
    targets = _of_type(game, chore.place)
    for (thing, source), appliance, target in product(
        _things(game, chore.thing), appliances, targets
    ):
        route = _Route(game)
        route.fetch(thing, source)
        if change and appliance:
            route.go_to(appliance)
            route.commands.append(f"{change.verb} {thing.name} with {appliance.name}")
        route.put(thing, target)
        yield route.commands


def _routes_to_place_two(game: Game, chore: Chore) -> Iterator[list[str]]:
    for pair in permutations(_things(game, chore.thing), 2):
        for target in _of_type(game, chore.place):
            route = _Route(game)
            for thing, source in pair:
                route.fetch(thing, source)
                route.put(thing, target)
            yield route.commands


def _routes_to_light(game: Game, chore: Chore) -> Iterator[list[str]]:
    for thing, source in _things(game, chore.thing):
        for lamp, stand in _things(game, chore.place):
            route = _Route(game)
            route.fetch(thing, source)
            route.go_to(stand)
            route.commands.append(f"use {lamp.name}")
            yield route.commands


_ROUTES: Mapping[str, Callable[[Game, Chore], Iterator[list[str]]]] = {
    "pick_two_obj_and_place": _routes_to_place_two,
    "look_at_obj_in_light": _routes_to_light,
}
