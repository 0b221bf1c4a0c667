"""What a shopping session answers to an action, whatever the form of its observations."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action led to. `understood` is False for an invalid action and an idle click."""

    observation: str
    reward: float = 0.0
    done: bool = False
    understood: bool = True


class ShopSession(Protocol):
    """One customer with one goal. `purchase` names what was bought, "" before that."""

    purchase: str

    def start(self) -> str: ...

    def act(self, action: str) -> Outcome: ...

    def clickable(self) -> tuple[str, ...]:
        """What can be clicked now; empty where the customer may search for anything."""
