"""What a household goal asks for, read from its sentence."""

import re
from dataclasses import dataclass

from retro_core.errors import InvalidInput

_LAMP = re.compile(r"(?:look at|examine) (?:the |a |an |some )?(\w+) (?:under|with) the (\w+)")
_TWO = re.compile(r"(?:find|put) two (\w+) (?:and put them )?(?:in|on|in/on) (?:the |a )?(\w+)")
_TREAT = re.compile(
    r"(clean|heat|cool) (?:some |a |an |the )?(\w+) and put it (?:in|on|in/on) (?:the |a )?(\w+)"
)
_PUT = re.compile(
    r"put (?:a |an |some |the )?(?:(clean|hot|cool) )?(\w+) (?:in|on|in/on) (?:the |a )?(\w+)"
)
_VERB = {"clean": "clean", "hot": "heat", "cool": "cool", "heat": "heat"}


@dataclass(frozen=True, slots=True)
class Chore:
    """Bring `count` things of kind `thing` to a `target`, treated by `verb`, or look under a lamp.

    `verb` is clean, heat, cool or empty; `lamp` is empty unless the chore is to look at the thing.
    """

    thing: str
    target: str = ""
    verb: str = ""
    count: int = 1
    lamp: str = ""


def read_chore(goal: str) -> Chore:
    """Understand a goal sentence. Raises InvalidInput if it is none of the six kinds."""
    text = goal.strip().rstrip(".").lower()
    if found := _LAMP.search(text):
        return Chore(thing=found[1], lamp=found[2])
    if found := _TWO.search(text):
        return Chore(thing=found[1], target=found[2], count=2)
    if found := _TREAT.search(text):
        return Chore(thing=found[2], target=found[3], verb=found[1])
    if found := _PUT.search(text):
        return Chore(thing=found[2], target=found[3], verb=_VERB.get(found[1] or "", ""))
    raise InvalidInput(f"Not a household goal: {goal!r}.")
