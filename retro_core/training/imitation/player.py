"""A scripted household player that uses only what an agent can read: the actor's teacher."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from retro_core.training.imitation.beliefs import Beliefs, kind
from retro_core.training.imitation.chores import Chore

_APPLIANCE = {"clean": "sinkbasin", "heat": "microwave", "cool": "fridge"}

Habits = Mapping[str, Sequence[str]]
"""For each kind of thing the kinds of receptacle it is usually found in, likeliest first."""


@dataclass(slots=True)
class Player:
    """Follows a plan where it fits, takes what it needs on sight, and searches otherwise.

    `plan` holds commands, oldest first; those that do not fit are skipped. Where the plan says
    where a thing lies, the player goes there before it searches. `touring` says that the plan is a
    search that ends with a guess: what is closed on the way is opened, as a plan of visits says
    nothing of doors, and what follows the guess is left out where the guess was wrong.
    """

    chore: Chore
    beliefs: Beliefs
    habits: Habits
    plan: list[str] = field(default_factory=list)
    touring: bool = False
    finished: set[str] = field(default_factory=set)

    def act(self, admissible: Sequence[str]) -> str:
        """Choose the next command among the admissible ones."""
        needed = self._needed_now()
        if needed in admissible:
            return needed
        opening = f"open {self.beliefs.here}"
        if self.touring and opening in admissible and self._should_open(self.beliefs.here):
            return opening
        while self.plan:
            command = self.plan.pop(0)
            if self.touring and command.startswith("take ") and not self.beliefs.holding:
                self.plan.clear()
            if self._fits(command, admissible):
                return command
        return self._own_way(admissible)

    def notice(self, action: str, observation: str) -> None:
        """Learn from a step, whoever chose it."""
        self.beliefs.notice(action, observation)
        if action.startswith("move ") and observation.startswith("You move"):
            thing, _, place = action.removeprefix("move ").partition(" to ")
            if self._is_ready(thing) and kind(place) == self.chore.target:
                self.finished.add(thing)
        # A walk or an opening left the plan when it was chosen and may stand there again.
        if action in self.plan and not action.startswith(("go to ", "open ")):
            self.plan = self.plan[self.plan.index(action) + 1 :]

    def _needed_now(self) -> str:
        """The command that brings the chore forward right here, whatever the plan says next."""
        beliefs, chore = self.beliefs, self.chore
        held = beliefs.holding
        if not held:
            wanted = self._wanted_in(beliefs.here)
            return f"take {wanted} from {beliefs.here}" if wanted else ""
        if kind(held) != chore.thing:
            return ""
        if chore.lamp:
            lamp = self._named(chore.lamp, beliefs.here)
            return f"use {lamp}" if lamp else ""
        if not self._is_ready(held):
            return f"{chore.verb} {held} with {beliefs.here}"
        return f"move {held} to {beliefs.here}" if kind(beliefs.here) == chore.target else ""

    def _fits(self, command: str, admissible: Sequence[str]) -> bool:
        """Whether a planned walk or opening still helps; the rest is done on sight anyway."""
        if command not in admissible:
            return False
        if command.startswith("go to "):
            return self._worth_going(command.removeprefix("go to "))
        return command.startswith("open ") and self._should_open(self.beliefs.here)

    def _worth_going(self, place: str) -> bool:
        known = self._destinations()
        if known:
            return place in known and place != self.beliefs.here
        return place not in self.beliefs.viewed

    def _destinations(self) -> list[str]:
        beliefs, chore = self.beliefs, self.chore
        if not beliefs.holding:
            return [place for thing, place in beliefs.places.items() if self._wants(thing)]
        if chore.lamp:
            return [place for thing, place in beliefs.places.items() if kind(thing) == chore.lamp]
        wanted = chore.target if self._is_ready(beliefs.holding) else _APPLIANCE.get(chore.verb, "")
        return [place for place in beliefs.receptacles if kind(place) == wanted]

    def _own_way(self, admissible: Sequence[str]) -> str:
        beliefs = self.beliefs
        if f"open {beliefs.here}" in admissible and self._should_open(beliefs.here):
            return f"open {beliefs.here}"
        if beliefs.holding and kind(beliefs.holding) != self.chore.thing:
            return self._put_down(admissible)
        known = self._destinations()
        place = _lowest(known) if known else self._next_to_search()
        command = f"go to {place}"
        return command if command in admissible else "look"

    def _should_open(self, place: str) -> bool:
        return not self.beliefs.holding or place in self._destinations() or self._seeks_lamp()

    def _seeks_lamp(self) -> bool:
        return bool(self.chore.lamp) and not self._destinations()

    def _put_down(self, admissible: Sequence[str]) -> str:
        down = [c for c in admissible if c.startswith(f"move {self.beliefs.holding} ")]
        if down:
            return down[0]
        opening = f"open {self.beliefs.here}"
        if opening in admissible:
            return opening
        return next(c for c in admissible if c.startswith("go to "))

    def _next_to_search(self) -> str:
        beliefs = self.beliefs
        sought = self.chore.lamp if beliefs.holding else self.chore.thing
        unseen = [place for place in beliefs.receptacles if place not in beliefs.viewed]
        usual = list(self.habits.get(sought, ()))
        rank = {name: index for index, name in enumerate(usual)}
        return min(
            unseen or beliefs.receptacles,
            key=lambda place: (rank.get(kind(place), len(usual)), kind(place), _number(place)),
        )

    def _wants(self, thing: str) -> bool:
        return kind(thing) == self.chore.thing and thing not in self.finished

    def _wanted_in(self, place: str) -> str:
        things = [t for t, r in self.beliefs.places.items() if r == place and self._wants(t)]
        return _lowest(things) if things else ""

    def _named(self, name: str, place: str) -> str:
        things = [t for t, r in self.beliefs.places.items() if r == place and kind(t) == name]
        return _lowest(things) if things else ""

    def _is_ready(self, thing: str) -> bool:
        chore = self.chore
        return kind(thing) == chore.thing and (
            not chore.verb or (chore.verb, thing) in self.beliefs.treated
        )


def learn_habits(places: Sequence[tuple[str, str]]) -> Habits:
    """From pairs of thing and receptacle kinds, the receptacles of each thing by frequency."""
    counts: dict[str, dict[str, int]] = {}
    for thing, receptacle in places:
        row = counts.setdefault(thing, {})
        row[receptacle] = row.get(receptacle, 0) + 1
    return {thing: sorted(row, key=lambda r: (-row[r], r)) for thing, row in counts.items()}


def stray(admissible: Sequence[str], rng: random.Random) -> str:
    """A plausible slip: a walk to a random place, or any other command."""
    walks = [command for command in admissible if command.startswith("go to ")]
    return rng.choice(walks if walks and rng.random() < 0.7 else list(admissible))


def _number(name: str) -> int:
    return int(name.rpartition(" ")[2])


def _lowest(names: Sequence[str]) -> str:
    return min(names, key=lambda name: (kind(name), _number(name)))
