"""What the failed trials showed of a world: where things were at first, and where nobody looked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from retro_core.prompts.grammar import goal_kinds, kind_of, places_in
from retro_core.prompts.texts import PromptSet
from retro_core.types import Episode, Task

LAST_ACTIONS = 3
NONE = "none"


@dataclass(frozen=True, slots=True)
class Seen:
    """Places in the order of the first observation, and in which a thing was first seen.

    A trial begins with the world as it was, so that the first sight of a thing in a trial tells
    where the next trial will find it. `looked` are the places whose contents were seen.
    """

    places: tuple[str, ...]
    looked: frozenset[str]
    things: Mapping[str, str]

    @property
    def unseen(self) -> tuple[str, ...]:
        """The places that nobody looked into."""
        return tuple(place for place in self.places if place not in self.looked)


def can_digest(prompts: PromptSet) -> bool:
    """Whether the environment's observations can be read as views of named places."""
    return all(prompts.optional(key) for key in ("digest", "digest_view", "plan_name"))


def seen_in(episodes: Sequence[Episode], prompts: PromptSet) -> Seen:
    """Read the observations of some trials of one task by the expression `digest_view`."""
    name, view = prompts.text("plan_name"), re.compile(prompts.text("digest_view"))
    places = tuple(places_in(name, episodes[-1], prompts))
    looked: set[str] = set()
    things: dict[str, str] = {}
    observations = [step.observation for episode in episodes for step in episode.steps]
    for found in (found for text in observations for found in view.finditer(text)):
        looked.add(found["place"])
        for thing in re.findall(name, found["things"]):
            things.setdefault(thing, found["place"])
    return Seen(places, frozenset(looked), things)


def told_in_digest(prompt: str, prompts: PromptSet) -> Mapping[str, str]:
    """The filled places of the prompt's last digest by name; empty without a digest."""
    if not can_digest(prompts):
        return {}
    told = list(_digest_form(prompts.text("digest")).finditer(prompt))
    return told[-1].groupdict() if told else {}


def unseen_in_prompt(prompt: str, prompts: PromptSet) -> tuple[str, ...]:
    """The places that the digest of a reflection prompt calls unseen; empty without a digest."""
    unseen = told_in_digest(prompt, prompts).get("unseen", "")
    return tuple(re.findall(prompts.optional("plan_name"), unseen)) if unseen else ()


@cache
def _digest_form(template: str) -> re.Pattern[str]:
    """What the text `digest` looks like when it is filled; a value ends with its line."""
    form = re.sub(r"\\\$([a-z]+)", r"(?P<\1>.*)", re.escape(template))
    return re.compile(form)


def digest_text(task: Task, episodes: Sequence[Episode], prompts: PromptSet) -> str:
    """Fill the text `digest` with what was seen of the things that the goal speaks of."""
    seen = seen_in(episodes, prompts)
    kinds = goal_kinds(prompts.optional("plan_goal"), task.goal)
    wanted = {
        thing: place for thing, place in seen.things.items() if not kinds or kind_of(thing) in kinds
    }
    holding = frozenset(wanted.values())
    looked = [place for place in seen.places if place in seen.looked and place not in holding]
    last = [step.action for step in episodes[-1].steps[-LAST_ACTIONS:]]
    return prompts.fill(
        "digest",
        found="; ".join(f"{thing} at {place}" for thing, place in wanted.items()) or NONE,
        looked=", ".join(looked) or NONE,
        unseen=", ".join(seen.unseen) or NONE,
        last="; ".join(last) or NONE,
    )
