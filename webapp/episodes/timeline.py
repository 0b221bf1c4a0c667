"""The steps of an episode as its page shows them, cut to what a first look needs."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet
from django.db.models.functions import MD5, Left, Length

from retro_core.alignment import Move
from webapp import present
from webapp.episodes.look import Look
from webapp.episodes.models import Episode, Step
from webapp.episodes.notes import Notes

STEPS_SHOWN = 50
TEXT_SHOWN = 600
LINE_SHOWN = 180
ENDS_SHOWN = 5
PLAIN = Look()


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
    found_further: bool
    notes: Notes | None
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


def step_rows(
    episode: Episode, look: Look, found: Set[int], notes: Mapping[int, Notes]
) -> tuple[list[StepRow], int | None]:
    """Up to fifty steps that a look wants, and where the next ones begin, if there are more.

    `found` are the numbers of the steps with the words of the look, `notes` are by number too.
    The database cuts long texts.
    """
    wanted = _clipped(look.narrow(episode.steps.all()), TEXT_SHOWN, "repeated")
    steps = list(wanted.order_by("index")[: STEPS_SHOWN + 1])
    rows = [_row(step, look, found, notes.get(step["index"] + 1)) for step in steps[:STEPS_SHOWN]]
    return rows, rows[-1].index + 1 if len(steps) > STEPS_SHOWN else None


def short_rows(steps: "QuerySet[Step]") -> dict[int, list[StepRow]]:
    """Lines of several episodes, by episode, for the page of a task."""
    by_episode: dict[int, list[StepRow]] = {}
    for step in _clipped(steps, LINE_SHOWN).order_by("episode_id", "index"):
        by_episode.setdefault(step["episode_id"], []).append(_row(step))
    return by_episode


def rows_with_moves(episode: Episode, most: int) -> list[tuple[StepRow, Move]]:
    """The first `most` steps, each with the digests by which trials are aligned."""
    steps = _clipped(episode.steps.filter(index__lt=most), LINE_SHOWN).annotate(
        action_digest=MD5("action"), observation_digest=MD5("observation")
    )
    return [
        (_row(step), Move(step["action_digest"], step["observation_digest"]))
        for step in steps.order_by("index")
    ]


def both_ends(rows: list[StepRow]) -> tuple[list[StepRow], int, list[StepRow]]:
    """The first and last steps, and how many are between."""
    if len(rows) <= 2 * ENDS_SHOWN + 1:
        return rows, 0, []
    return rows[:ENDS_SHOWN], len(rows) - 2 * ENDS_SHOWN, rows[-ENDS_SHOWN:]


def step_address(index: int) -> str:
    """A link inside the episode page that opens the right window of steps."""
    first = index // STEPS_SHOWN * STEPS_SHOWN
    return f"{f'?from={first}' if first else ''}#step-{index + 1}"


def _clipped(steps: "QuerySet[Step]", limit: int, *more: str) -> "QuerySet[Step, Any]":
    found: QuerySet[Step, Any] = steps.annotate(
        thought_start=Left("thought", limit),
        action_start=Left("action", limit),
        observation_start=Left("observation", limit),
        length=Length("thought") + Length("action") + Length("observation"),
        shown=Length("thought_start") + Length("action_start") + Length("observation_start"),
        left_out=F("length") - F("shown"),
    ).values(
        *more,
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
    return found


def _row(
    step: dict[str, Any],  # a row of values
    look: Look = PLAIN,
    found: Set[int] = frozenset(),
    notes: Notes | None = None,
) -> StepRow:
    reward = step["reward"]
    tokens = step["prompt_tokens"] + step["completion_tokens"]
    texts = [look.mark(step[f"{name}_start"]) for name in ("thought", "action", "observation")]
    return StepRow(
        index=step["index"],
        thought=texts[0],
        action=texts[1],
        observation=texts[2],
        left_out=present.count(step["left_out"]) if step["left_out"] else "",
        reward=present.signed(reward) if reward else "",
        reward_class=present.rating_class(reward),
        invalid=step["invalid"],
        repaired=step["repaired"],
        repeated=step.get("repeated", False),
        found_further=step["index"] + 1 in found and "<mark>" not in "".join(texts),
        notes=notes,
        dropped_observations=step["dropped_observations"],
        prompt_recorded=bool(step["prompt_sha256"]),
        tokens=present.short_count(tokens) if tokens else "",
        seconds=present.duration(step["seconds"]) if step["seconds"] else "",
    )


def truncation_words(episode: Episode) -> str:
    """Why it was stopped, or nothing."""
    return episode.get_truncation_reason_display() if episode.truncated else ""
