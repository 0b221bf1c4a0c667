"""Makes household games of the project's own: solvable, repeatable, apart for each split."""

from random import Random

from retro_core.envs.alfworld.catalogue import LAMPS, OBJECTS, RECEPTACLES, ObjectKind, Room
from retro_core.envs.alfworld.chores import (
    CHANGES,
    TASK_TYPES,
    WORDS,
    Chore,
    goal_text,
)
from retro_core.envs.alfworld.game import read_game
from retro_core.envs.alfworld.layouts import (
    ROOMS,
    SPLITS,
    Layout,
    layouts,
    placed_id,
)
from retro_core.envs.alfworld.problem_text import PlacedObject, write_problem
from retro_core.envs.alfworld.walkthrough import walkthrough
from retro_core.errors import InvalidInput
from retro_core.types import Task

_DISTRACTORS = (8, 24)  # fewest and most objects that the chore does not ask for
_MOST_COPIES = 3
_APPLIANCES = frozenset({"CoffeeMachine", "Microwave", "StoveBurner", "Toaster"})


def generate(*, count: int, split: str, seed: int) -> list[Task]:
    """Make tasks, the six task types in turn. A longer list of the same seed begins with a shorter.

    Raises InvalidInput for an unknown split.
    """
    if split not in SPLITS:
        raise InvalidInput(f"No split {split!r}; there are {', '.join(SPLITS)}.")
    return [_task(split, seed, number) for number in range(count)]


def _task(split: str, seed: int, number: int) -> Task:
    name = f"alfworld-{split}-{seed}-{number:05d}"
    rng = Random(name)
    task_type = TASK_TYPES[number % len(TASK_TYPES)]
    layout, chore = _chore(rng, task_type, split)
    problem = write_problem(name, layout, _stock(rng, layout, chore), goal_text(chore))
    words = rng.choice(WORDS[task_type])
    payload = {
        "pddl_problem": problem,
        "walkthrough": walkthrough(read_game(problem), chore),
        "layout": layout.name,
    }
    goal = words.format(thing=chore.thing.lower(), place=chore.place.lower())
    return Task(name, "alfworld", goal, split, task_type, payload)


def _chore(rng: Random, task_type: str, split: str) -> tuple[Layout, Chore]:
    """Draw a furnished room in which the chore can be done, and what it asks for."""
    rooms = [room for room in ROOMS if _wishes(task_type, room, frozenset(RECEPTACLES[room]))]
    room = rng.choice(rooms)
    while True:
        layout = rng.choice(layouts(room, split))
        wishes = _wishes(task_type, room, frozenset(r.type for r in layout.receptacles))
        if wishes:
            thing = rng.choice(sorted({thing for thing, _ in wishes}))
            place = rng.choice([place for wished, place in wishes if wished == thing])
            return layout, Chore(task_type, thing, place)


def _wishes(task_type: str, room: Room, furniture: frozenset[str]) -> list[tuple[str, str]]:
    """The pairs of object type and place (or lamp) that the chore may ask for among furniture."""
    if task_type == "look_at_obj_in_light":
        lamps = [lamp for lamp, kind in LAMPS.items() if _starts(kind, room, furniture)]
        things = [thing for thing, kind in OBJECTS.items() if _starts(kind, room, furniture)]
        return [(thing, lamp) for thing in things for lamp in lamps]
    change = CHANGES.get(task_type)
    if change and change.appliance not in furniture:
        return []
    return [
        (thing, place)
        for thing, kind in OBJECTS.items()
        if change is None or change.ability in kind.abilities
        for place in kind.places.get(room, ())
        if place in furniture and _starts(kind, room, furniture - {place})
        if change is None or place != change.appliance
    ]


def _starts(kind: ObjectKind, room: Room, furniture: frozenset[str]) -> list[str]:
    """The receptacle types where an object may lie at first."""
    places = kind.places.get(room, ())
    return [place for place in places if place in furniture and place not in _APPLIANCES]


def _stock(rng: Random, layout: Layout, chore: Chore) -> list[PlacedObject]:
    """Lay out the objects: those that the chore asks for, a lamp, and what is in the way."""
    furniture = frozenset(r.type for r in layout.receptacles)
    fewest = 2 if chore.task_type == "pick_two_obj_and_place" else 1
    wanted = [chore.thing] * rng.randint(fewest, _MOST_COPIES)
    others = [
        name
        for name, kind in OBJECTS.items()
        if name != chore.thing and _starts(kind, layout.room, furniture)
    ]
    in_the_way = others * _MOST_COPIES
    count = min(rng.randint(*_DISTRACTORS), len(in_the_way))
    distractors = rng.sample(in_the_way, count)
    objects = [_lay(rng, layout, name, OBJECTS[name], furniture) for name in distractors]
    objects += [
        _lay(rng, layout, name, OBJECTS[name], furniture - {chore.place}) for name in wanted
    ]
    lamp = _lamp(rng, layout, chore, furniture)
    return [*objects, _lay(rng, layout, lamp, LAMPS[lamp], furniture)] if lamp else objects


def _lamp(rng: Random, layout: Layout, chore: Chore, furniture: frozenset[str]) -> str:
    if chore.place in LAMPS:
        return chore.place
    fitting = [lamp for lamp, kind in LAMPS.items() if _starts(kind, layout.room, furniture)]
    return rng.choice(fitting) if fitting else ""


def _lay(
    rng: Random, layout: Layout, name: str, kind: ObjectKind, furniture: frozenset[str]
) -> PlacedObject:
    place = rng.choice(_starts(kind, layout.room, furniture))
    receptacle = rng.choice([r for r in layout.receptacles if r.type == place])
    return PlacedObject(placed_id(name, rng), name, kind.abilities, receptacle)
