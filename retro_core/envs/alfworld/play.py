"""One game under way: the commands admissible now, what they change and what they answer."""

from collections.abc import Callable, Iterator
from functools import partial

from retro_core.envs.alfworld.domain import DYNAMIC
from retro_core.envs.alfworld.game import Game, Receptacle, Thing
from retro_core.envs.alfworld.pddl import Fact
from retro_core.envs.alfworld.wording import (
    NOTHING_HAPPENS,
    Wording,
    describe_room,
    describe_surroundings,
    listed_with_article,
)

Action = Callable[[], str]
"""Changes the state and returns the observation."""

_APPLIANCES = (
    ("heat", "heatable", "microwavetype", "ishot", "iscool"),
    ("clean", "cleanable", "sinkbasintype", "isclean", ""),
    ("cool", "coolable", "fridgetype", "iscool", "ishot"),
)
"""Verb, needed ability, needed receptacle type, state gained, state lost."""


class Play:
    """The state of one game. Not shared between threads."""

    def __init__(self, game: Game, wording: Wording) -> None:
        self._game = game
        self._wording = wording
        self._location = game.start
        self.facts: dict[str, set[Fact]] = {p: set(game.facts.get(p, ())) for p in DYNAMIC}
        self._taken: set[Fact] = set()  # (thing, receptacle): was taken from there since it was put
        self._actions: dict[str, Action] = {}

    def admissible(self) -> tuple[str, ...]:
        """The commands that do something now, in alphabetical order."""
        return tuple(sorted(self._current_actions()))

    def act(self, command: str) -> str:
        """Do what a command says; anything else changes nothing."""
        action = self._current_actions().get(command.strip())
        if action is None:
            return NOTHING_HAPPENS
        self._actions = {}
        return action()

    def won(self) -> bool:
        """Whether the goal holds."""
        return self._game.goal.won(self.facts)

    def fraction(self) -> float:
        """The share of goal conditions that hold."""
        return self._game.goal.fraction(self.facts)

    def opening(self) -> str:
        """Describe the room as the game begins."""
        if self._here():
            return self._look()
        return describe_room([receptacle.name for receptacle in self._game.receptacles])

    def _look(self) -> str:
        """Describe what stands here; away from every receptacle the games see nothing at all."""
        here = self._here()
        if not here:
            return describe_room([])
        lying = sorted(o for o, place in self.facts["objectatlocation"] if place == self._location)
        beside = [o for o in lying for r in here if (o, r.id) in self._taken]
        names = [receptacle.name for receptacle in here]
        return describe_surroundings(names, [self._game.things[o].name for o in beside])

    def _here(self) -> tuple[Receptacle, ...]:
        return self._game.receptacles_at.get(self._location, ())

    def _current_actions(self) -> dict[str, Action]:
        if not self._actions:
            self._actions = dict(self._possible_actions())
        return self._actions

    def _possible_actions(self) -> Iterator[tuple[str, Action]]:
        yield "look", self._look
        yield "inventory", self._inventory
        if self._wording.has_help:
            yield "help", self._wording.help_text
        for command, receptacle in self._game.go_commands[self._location].items():
            yield command, partial(self._go_to, receptacle)
        held = self._held()
        for receptacle in self._here():
            yield from self._receptacle_actions(receptacle)
            yield from self._content_actions(receptacle, hands_free=not held)
            for thing in held:
                yield from self._held_actions(thing, receptacle)
        for thing in held:
            yield f"examine {thing.name}", partial(self._examine, thing)
            if thing.is_blade:
                yield from self._slicing_actions(thing)

    def _receptacle_actions(self, receptacle: Receptacle) -> Iterator[tuple[str, Action]]:
        yield f"examine {receptacle.name}", partial(self._view, receptacle)
        if receptacle.openable and self._is_open(receptacle):
            yield f"close {receptacle.name}", partial(self._close, receptacle)
        elif receptacle.openable:
            yield f"open {receptacle.name}", partial(self._open, receptacle)

    def _content_actions(
        self, receptacle: Receptacle, *, hands_free: bool
    ) -> Iterator[tuple[str, Action]]:
        reachable = self._reachable(receptacle)
        for thing in self._contents(receptacle):
            if "toggleable" in thing.abilities:  # even inside something closed
                yield f"use {thing.name}", partial(self._toggle, thing)
            if reachable and hands_free and "pickupable" in thing.abilities:
                command = f"take {thing.name} from {receptacle.name}"
                yield command, partial(self._take, thing, receptacle)

    def _held_actions(self, thing: Thing, receptacle: Receptacle) -> Iterator[tuple[str, Action]]:
        if self._reachable(receptacle) and not thing.types.isdisjoint(receptacle.accepts):
            command = self._wording.put_command(thing.name, receptacle.name)
            yield command, partial(self._put, thing, receptacle)
        for verb, ability, kind, gained, lost in _APPLIANCES:
            if ability in thing.abilities and kind in receptacle.types:
                command = f"{verb} {thing.name} with {receptacle.name}"
                answer = f"You {verb} the {thing.name} using the {receptacle.name}."
                yield command, partial(self._change, thing, gained, lost, answer)

    def _slicing_actions(self, blade: Thing) -> Iterator[tuple[str, Action]]:
        for name, place in self.facts["objectatlocation"]:
            thing = self._game.things.get(name)
            if place == self._location and thing and "sliceable" in thing.abilities:
                answer = f"You sliced the {thing.name} with the {blade.name}."
                command = f"slice {thing.name} with {blade.name}"
                yield command, partial(self._change, thing, "issliced", "", answer)

    def _held(self) -> list[Thing]:
        return [self._game.things[o] for _, o in sorted(self.facts["holds"])]

    def _contents(self, receptacle: Receptacle) -> list[Thing]:
        inside = sorted(o for o, r in self.facts["inreceptacle"] if r == receptacle.id)
        return [self._game.things[o] for o in inside]

    def _is_open(self, receptacle: Receptacle) -> bool:
        return (receptacle.id,) in self.facts["opened"]

    def _reachable(self, receptacle: Receptacle) -> bool:
        return not receptacle.openable or self._is_open(receptacle)

    def _go_to(self, receptacle: Receptacle) -> str:
        self._location = receptacle.location
        self.facts["atlocation"] = {(self._game.agent, receptacle.location)}
        place = receptacle.name
        if self._wording.names_locations:
            place = self._game.names[receptacle.location]
        return f"You arrive at {place}. {self._view(receptacle)}"

    def _view(self, receptacle: Receptacle) -> str:
        if not self._reachable(receptacle):
            return f"The {receptacle.name} is closed."
        seen = listed_with_article([thing.name for thing in self._contents(receptacle)])
        if receptacle.openable:
            return f"The {receptacle.name} is open. In it, you see {seen}."
        return f"On the {receptacle.name}, you see {seen}."

    def _open(self, receptacle: Receptacle) -> str:
        self.facts["opened"].add((receptacle.id,))
        return f"You open the {receptacle.name}. {self._view(receptacle)}"

    def _close(self, receptacle: Receptacle) -> str:
        self.facts["opened"].discard((receptacle.id,))
        return f"You close the {receptacle.name}."

    def _take(self, thing: Thing, receptacle: Receptacle) -> str:
        self.facts["inreceptacle"].discard((thing.id, receptacle.id))
        self._taken.add((thing.id, receptacle.id))
        self.facts["objectatlocation"].discard((thing.id, self._location))
        self.facts["holds"].add((self._game.agent, thing.id))
        self.facts["holdsany"].add((self._game.agent,))
        return f"You pick up the {thing.name} from the {receptacle.name}."

    def _put(self, thing: Thing, receptacle: Receptacle) -> str:
        self.facts["inreceptacle"].add((thing.id, receptacle.id))
        self._taken.discard((thing.id, receptacle.id))
        self.facts["objectatlocation"].add((thing.id, self._location))
        self.facts["holds"].discard((self._game.agent, thing.id))
        self.facts["holdsany"].discard((self._game.agent,))
        return self._wording.put_done(thing.name, receptacle.name)

    def _change(self, thing: Thing, gained: str, lost: str, answer: str) -> str:
        self.facts[gained].add((thing.id,))
        if lost:
            self.facts[lost].discard((thing.id,))
        return answer

    def _toggle(self, thing: Thing) -> str:
        self.facts["ison"] ^= {(thing.id,)}
        self.facts["istoggled"].add((thing.id,))  # stays: a lamp used twice still counts as used
        return f"You turn on the {thing.name}."

    def _inventory(self) -> str:
        held = self._held()
        if not held:
            return "You are not carrying anything."
        return f"You are carrying: {listed_with_article([thing.name for thing in held])}."

    def _examine(self, thing: Thing) -> str:
        if "isreceptacleobject" in thing.abilities:
            inside = listed_with_article(thing.inside)
            return f"This is a normal {thing.name}. In it, you see {inside}."
        adjectives = self._adjectives(thing)
        if adjectives:
            return f"This is a {adjectives} {thing.name}."
        if "toggleable" in thing.abilities and (thing.id,) in self.facts["istoggled"]:
            return f"This {thing.name} is on."
        return f"There's nothing special about {thing.name}."

    def _adjectives(self, thing: Thing) -> str:
        """Such as `hot and clean sliced`. An object that is cool and nothing else is `cold`."""
        clean, hot, cool, sliced = (
            (thing.id,) in self.facts[state] for state in ("isclean", "ishot", "iscool", "issliced")
        )
        warmth = "hot" if hot else "cool" if cool else ""
        if warmth == "cool" and not clean and not sliced:
            return "cold"
        words = " and ".join(word for word in (warmth, "clean" if clean else "") if word)
        if not sliced:
            return words
        return f"{words} sliced".strip()
