"""The sentences of the household games, equal to those of the stock engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

PutStyle = Literal["move", "put"]

NOTHING_HAPPENS = "Nothing happens."
WELCOME = "-= Welcome to TextWorld, ALFRED! =-"
GOAL_PREFIX = "Your task is to: "


@dataclass(frozen=True, slots=True)
class Wording:
    """Which edition of the sentences a game speaks.

    `put_style` is "move" (`move X to Y`, AlfWorld 0.4) or "put" (`put X in/on Y`, before).
    `names_locations` says that one arrives at "loc 3" instead of at the receptacle, `has_help`
    that `help` is a command: the oldest games do the one and lack the other.
    """

    put_style: PutStyle = "move"
    names_locations: bool = False
    has_help: bool = True

    def put_command(self, thing: str, receptacle: str) -> str:
        """The command that puts a thing down."""
        if self.put_style == "move":
            return f"move {thing} to {receptacle}"
        return f"put {thing} in/on {receptacle}"

    def put_done(self, thing: str, receptacle: str) -> str:
        """What follows it."""
        if self.put_style == "move":
            return f"You move the {thing} to the {receptacle}."
        return f"You put the {thing} in/on the {receptacle}."

    def help_text(self) -> str:
        """The list of commands that `help` answers with."""
        put = "move (object) to" if self.put_style == "move" else "put (object) in/on"
        lines = [f"  {usage:<34}{meaning}" for usage, meaning in _COMMANDS_BEFORE_PUT]
        lines += [f"  {put} (receptacle):  place an object in or on a receptacle"]
        lines += [f"  {usage:<34}{meaning}" for usage, meaning in _COMMANDS_AFTER_PUT]
        return "\n".join(["Available commands:", *lines, ""])


_COMMANDS_BEFORE_PUT = (
    ("look:", "look around your current location"),
    ("inventory:", "check your current inventory"),
    ("go to (receptacle):", "move to a receptacle"),
    ("open (receptacle):", "open a receptacle"),
    ("close (receptacle):", "close a receptacle"),
    ("take (object) from (receptacle):", "take an object from a receptacle"),
)
_COMMANDS_AFTER_PUT = (
    ("examine (something):", "examine a receptacle or an object"),
    ("use (object):", "use an object"),
    ("heat (object) with (receptacle):", "heat an object using a receptacle"),
    ("clean (object) with (receptacle):", "clean an object using a receptacle"),
    ("cool (object) with (receptacle):", "cool an object using a receptacle"),
    ("slice (object) with (object):", "slice an object using a sharp object"),
)


def listed(items: Sequence[str]) -> str:
    """Join items as the games do: the comma stays before the last `and`, even of two."""
    if not items:
        return "nothing"
    if len(items) == 1:
        return items[0]
    return f"{', '.join(items[:-1])}, and {items[-1]}"


def listed_with_article(names: Sequence[str]) -> str:
    """Join names, each with the article `a`, whatever its first letter."""
    return listed([f"a {name}" for name in names])


def first_observation(room: str, goal: str) -> str:
    """The text that opens a game."""
    return f"{WELCOME}\n\n{room}\n\n{GOAL_PREFIX}{goal}."


def describe_room(receptacles: Sequence[str]) -> str:
    """The view from the middle of a room."""
    seen = listed_with_article(receptacles)
    return f"You are in the middle of a room. Looking quickly around you, you see {seen}."


def describe_surroundings(receptacles: Sequence[str], beside: Sequence[str]) -> str:
    """The view from beside receptacles."""
    return (
        f"You are facing the {listed(receptacles)}."
        f" Next to it, you see {listed_with_article(beside)}."
    )
