"""What a player knows of a household game, from the observations alone."""

import re
from dataclasses import dataclass, field

_ARTICLE = re.compile(r"\ba (\w+ \d+)")
_VIEW = re.compile(r"(?:On the|The) (\w+ \d+)(?: is open\. In it)?, you see (.*?)\.(?: |$)")
_CLOSED = re.compile(r"The (\w+ \d+) is closed\.")
_TAKE = re.compile(r"take (\w+ \d+) from (\w+ \d+)")
_MOVE = re.compile(r"move (\w+ \d+) to (\w+ \d+)")
_TREAT = re.compile(r"(clean|heat|cool) (\w+ \d+) with \w+ \d+")


def kind(name: str) -> str:
    """The kind of `apple 2` is `apple`."""
    return name.rpartition(" ")[0]


@dataclass(slots=True)
class Beliefs:
    """The player's notebook, kept up to date by `notice`.

    `places` holds where each thing was last seen; `viewed` the receptacles whose contents are
    known; `closed` those seen closed; `treated` pairs of verb and thing.
    """

    receptacles: list[str]
    places: dict[str, str] = field(default_factory=dict)
    viewed: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    treated: set[tuple[str, str]] = field(default_factory=set)
    here: str = ""
    holding: str = ""

    @classmethod
    def from_room(cls, first_observation: str) -> "Beliefs":
        """Begin with the receptacles that the first observation lists."""
        room = first_observation.partition("you see")[2].partition("\n")[0]
        return cls(receptacles=_ARTICLE.findall(room))

    def notice(self, action: str, observation: str) -> None:
        """Learn from one step."""
        if action.startswith("go to "):
            self.here = action.removeprefix("go to ")
        if closed := _CLOSED.search(observation):
            self.closed.add(closed[1])
        if view := _VIEW.search(observation):
            self._see(view[1], _ARTICLE.findall(view[2]))
        self._notice_hands(action, observation)

    def _see(self, receptacle: str, things: list[str]) -> None:
        self.closed.discard(receptacle)
        self.viewed.add(receptacle)
        self.places = {t: r for t, r in self.places.items() if r != receptacle}
        self.places |= dict.fromkeys(things, receptacle)

    def _notice_hands(self, action: str, observation: str) -> None:
        if (took := _TAKE.fullmatch(action)) and observation.startswith("You pick up"):
            self.holding = took[1]
            self.places.pop(took[1], None)
        if (moved := _MOVE.fullmatch(action)) and observation.startswith("You move"):
            self.holding = ""
            self.places[moved[1]] = moved[2]
        if (treated := _TREAT.fullmatch(action)) and observation.startswith("You "):
            self.treated.add((treated[1], treated[2]))
