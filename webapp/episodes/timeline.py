"""The steps of an episode as its page shows them, cut to what a first look needs."""

from dataclasses import dataclass
from math import ceil
from typing import Any

from django.db.models import F, QuerySet
from django.db.models.functions import MD5, Left, Length

from retro_core.alignment import Move
from webapp import present
from webapp.episodes.models import Episode, Step

STEPS_SHOWN = 50
TEXT_SHOWN = 600
MAP_CELLS = 100
LINE_SHOWN = 180
ENDS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step; `index` is its 0-based place, people count from 1."""

    index: int
    thought: str
    action: str
    observation: str
    left_out: str
    reward: str
    reward_class: str
    invalid: bool
    repaired: bool
    repeated: bool
    dropped_observations: int
    prompt_recorded: bool
    tokens: str
    seconds: str

    @property
    def number(self) -> int:
        return self.index + 1

    @property
    def address(self) -> str:
        """Behind the address of the episode: opens the window of this step."""
        return step_address(self.index)


@dataclass(frozen=True, slots=True)
class MapCell:
    """One step in the small map beside the timeline."""

    number: int
    address: str
    kind: str


def step_rows(episode: Episode, first: int = 0) -> list[StepRow]:
    """Up to fifty steps from number `first` on; the database cuts long texts."""
    steps = _clipped(episode.steps.all(), TEXT_SHOWN)
    window = steps.filter(index__gte=max(first - 1, 0)).order_by("index")[: STEPS_SHOWN + 1]
    rows: list[StepRow] = []
    previous = None
    for step in window:
        if step["index"] >= first and len(rows) < STEPS_SHOWN:
            rows.append(_row(step, previous))
        previous = step["action_start"]
    return rows


def short_rows(steps: "QuerySet[Step]") -> dict[int, list[StepRow]]:
    """Lines of several episodes, by episode, for the page of a task."""
    by_episode: dict[int, list[StepRow]] = {}
    for step in _clipped(steps, LINE_SHOWN).order_by("episode_id", "index"):
        by_episode.setdefault(step["episode_id"], []).append(_row(step, None))
    return by_episode


def rows_with_moves(episode: Episode, most: int) -> list[tuple[StepRow, Move]]:
    """The first `most` steps, each with the digests by which trials are aligned."""
    steps = _clipped(episode.steps.filter(index__lt=most), LINE_SHOWN).annotate(
        action_digest=MD5("action"), observation_digest=MD5("observation")
    )
    return [
        (_row(step, None), Move(step["action_digest"], step["observation_digest"]))
        for step in steps.order_by("index")
    ]


def both_ends(rows: list[StepRow]) -> tuple[list[StepRow], int, list[StepRow]]:
    """The first and last steps, and how many are between."""
    if len(rows) <= 2 * ENDS_SHOWN + 1:
        return rows, 0, []
    return rows[:ENDS_SHOWN], len(rows) - 2 * ENDS_SHOWN, rows[-ENDS_SHOWN:]


def minimap(episode: Episode) -> list[MapCell]:
    """One cell a step, or a few steps in a long episode; invalid and rewarded ones stand out."""
    rows = list(episode.steps.order_by("index").values_list("index", "invalid", "reward"))
    size = max(ceil(len(rows) / MAP_CELLS), 1)
    return [_map_cell(rows[start : start + size]) for start in range(0, len(rows), size)]


def _map_cell(steps: list[tuple[int, bool, float]]) -> MapCell:
    rewarded = any(reward > 0 for _, _, reward in steps)
    invalid = any(invalid for _, invalid, _ in steps)
    first = steps[0][0]
    kind = "rewarded" if rewarded else "invalid" if invalid else ""
    return MapCell(number=first + 1, address=step_address(first), kind=kind)


def step_address(index: int) -> str:
    """A link inside the episode page that opens the right window of steps."""
    first = index // STEPS_SHOWN * STEPS_SHOWN
    return f"{f'?from={first}' if first else ''}#step-{index + 1}"


def _clipped(steps: "QuerySet[Step]", limit: int) -> "QuerySet[Step, Any]":
    return steps.annotate(
        thought_start=Left("thought", limit),
        action_start=Left("action", limit),
        observation_start=Left("observation", limit),
        length=Length("thought") + Length("action") + Length("observation"),
        shown=Length("thought_start") + Length("action_start") + Length("observation_start"),
        left_out=F("length") - F("shown"),
    ).values(
        "episode_id",
        "index",
        "thought_start",
        "action_start",
        "observation_start",
        "left_out",
        "reward",
        "invalid",
        "repaired",
        "dropped_observations",
        "prompt_sha256",
        "prompt_tokens",
        "completion_tokens",
        "seconds",
    )


def _row(step: dict[str, Any], previous_action: str | None) -> StepRow:  # a row of values
    reward = step["reward"]
    tokens = step["prompt_tokens"] + step["completion_tokens"]
    return StepRow(
        index=step["index"],
        thought=step["thought_start"],
        action=step["action_start"],
        observation=step["observation_start"],
        left_out=present.count(step["left_out"]) if step["left_out"] else "",
        reward=present.signed(reward) if reward else "",
        reward_class=present.rating_class(reward),
        invalid=step["invalid"],
        repaired=step["repaired"],
        repeated=step["action_start"] == previous_action,
        dropped_observations=step["dropped_observations"],
        prompt_recorded=bool(step["prompt_sha256"]),
        tokens=present.short_count(tokens) if tokens else "",
        seconds=present.duration(step["seconds"]) if step["seconds"] else "",
    )


def truncation_words(episode: Episode) -> str:
    """Why it was stopped, or nothing."""
    return episode.get_truncation_reason_display() if episode.truncated else ""
