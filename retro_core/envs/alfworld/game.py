"""A game as read from its PDDL problem: names, properties, first state and goal, unchanging."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from retro_core.envs.alfworld.domain import ABILITIES, check_facts
from retro_core.envs.alfworld.goals import Goal, compile_goal
from retro_core.envs.alfworld.naming import display_names
from retro_core.envs.alfworld.pddl import Fact, Problem, parse_problem
from retro_core.errors import InvalidInput

CACHED_GAMES = 128  # about 0.1 MB each
_BLADES = frozenset({"knifetype", "butterknifetype"})


@dataclass(frozen=True, slots=True)
class Receptacle:
    """A place that holds things. `accepts` are the object types that may be put there."""

    id: str
    name: str
    location: str
    types: frozenset[str]
    accepts: frozenset[str]
    openable: bool


@dataclass(frozen=True, slots=True)
class Thing:
    """An object: its name, types, what can be done with it, and the names of what it holds."""

    id: str
    name: str
    types: frozenset[str]
    abilities: frozenset[str]
    inside: tuple[str, ...]

    @property
    def is_blade(self) -> bool:
        """Whether it can slice."""
        return not self.types.isdisjoint(_BLADES)


@dataclass(frozen=True, slots=True)
class Game:
    """Everything about a game that play does not change. Shared between threads.

    `receptacles` is in order of id, the order in which a room is described.
    """

    names: Mapping[str, str]
    agent: str
    start: str
    receptacles: tuple[Receptacle, ...]
    things: Mapping[str, Thing]
    facts: Mapping[str, frozenset[Fact]]
    goal: Goal
    receptacles_at: Mapping[str, tuple[Receptacle, ...]]
    go_commands: Mapping[str, Mapping[str, Receptacle]]


@lru_cache(maxsize=CACHED_GAMES)
def read_game(pddl_problem: str) -> Game:
    """Read a game from the text of its problem. Raises InvalidInput."""
    problem = parse_problem(pddl_problem)
    check_facts(problem)
    agent, start = _agent_and_start(problem)
    names = display_names(name for tuples in problem.facts.values() for f in tuples for name in f)
    receptacles = tuple(_receptacles(problem, names))
    return Game(
        names=names,
        agent=agent,
        start=start,
        receptacles=receptacles,
        things={name: _thing(problem, names, name) for name in _of_type(problem, names, "object")},
        facts=problem.facts,
        goal=compile_goal(problem),
        receptacles_at=_receptacles_at(receptacles),
        go_commands=_go_commands(receptacles, start),
    )


def _agent_and_start(problem: Problem) -> tuple[str, str]:
    places = sorted(problem.facts.get("atlocation", ()))
    if len(places) != 1:
        raise InvalidInput("The PDDL problem must place exactly one agent.")
    return places[0][0], places[0][1]


def _of_type(problem: Problem, names: Iterable[str], kind: str) -> list[str]:
    return [name for name in names if problem.types.get(name) == kind]


def _related(problem: Problem, predicate: str) -> Mapping[str, list[str]]:
    """What each first argument of a two-place predicate is related to, in order of id."""
    related: dict[str, list[str]] = defaultdict(list)
    for fact in sorted(problem.facts.get(predicate, ())):
        related[fact[0]].append(fact[1])
    return related


def _receptacles(problem: Problem, names: Mapping[str, str]) -> Iterable[Receptacle]:
    types, accepts = _related(problem, "receptacletype"), _related(problem, "cancontain")
    openable = problem.facts.get("openable", frozenset())
    for name, locations in sorted(_related(problem, "receptacleatlocation").items()):
        own_types = frozenset(types.get(name, ()))
        for location in locations:
            yield Receptacle(
                id=name,
                name=names[name],
                location=location,
                types=own_types,
                accepts=frozenset(kind for own in own_types for kind in accepts.get(own, ())),
                openable=(name,) in openable,
            )


def _thing(problem: Problem, names: Mapping[str, str], name: str) -> Thing:
    types = frozenset(f[1] for f in problem.facts.get("objecttype", ()) if f[0] == name)
    inner = sorted(f[0] for f in problem.facts.get("inreceptacleobject", ()) if f[1] == name)
    abilities = frozenset(
        predicate
        for predicate, tuples in problem.facts.items()
        if predicate in ABILITIES and (name,) in tuples
    )
    return Thing(name, names[name], types, abilities, tuple(names[i] for i in inner if i != name))


def _receptacles_at(receptacles: tuple[Receptacle, ...]) -> Mapping[str, tuple[Receptacle, ...]]:
    at: dict[str, tuple[Receptacle, ...]] = defaultdict(tuple)
    for receptacle in receptacles:
        at[receptacle.location] += (receptacle,)
    return dict(at)


def _go_commands(
    receptacles: tuple[Receptacle, ...], start: str
) -> Mapping[str, Mapping[str, Receptacle]]:
    """The commands that lead away from each location, so that play need not build them again."""
    commands = {f"go to {receptacle.name}": receptacle for receptacle in receptacles}
    return {
        here: {command: r for command, r in commands.items() if r.location != here}
        for here in {start, *(receptacle.location for receptacle in receptacles)}
    }
