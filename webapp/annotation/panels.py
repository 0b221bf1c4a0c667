"""What the annotation page shows of an item: the failed episode, the next one, the answers."""

from dataclasses import dataclass
from typing import Any

from retro_core import alignment
from webapp import present
from webapp.annotation.models import QueueItem, Response
from webapp.annotation.models.responses import REASONS
from webapp.episodes.models import Episode, Step
from webapp.episodes.timeline import (
    StepRow,
    both_ends,
    rows_with_moves,
    short_rows,
    truncation_words,
)
from webapp.tasks.models import Task

GOAL_SHOWN = 1500
STEPS_ALIGNED = 200  # aligning costs the product of both lengths


@dataclass(frozen=True, slots=True)
class Condensed:
    """An episode in few lines: its ends, what lies between, how it ended."""

    episode: Episode
    episode_return: str
    truncation: str
    first: list[StepRow]
    between: list[StepRow]
    last: list[StepRow]
    no_effect: int


@dataclass(frozen=True, slots=True)
class Aligned:
    """A step of the failed episode beside the step of the next one that stands for it."""

    kind: alignment.PairKind
    before: StepRow | None
    after: StepRow | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The next episode, and how its steps differ."""

    episode: Episode
    episode_return: str
    truncation: str
    steps: list[Aligned]


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """An answer in words."""

    pk: int
    person: str
    kind: str
    value: str
    value_class: str
    first: str
    confidence: str
    reasons: list[str]
    note: str
    when: present.Moment | None
    bulk: bool


def condensed(episode: Episode) -> Condensed:
    """The failed episode, with the middle of a long one folded."""
    rows = _steps(episode)
    first, hidden, last = both_ends(rows)
    return Condensed(
        episode=episode,
        episode_return=present.decimal(episode.episode_return),
        truncation=truncation_words(episode),
        first=first,
        between=rows[len(first) : len(first) + hidden],
        last=last,
        no_effect=episode.invalid_count,
    )


def outcome(item: QueueItem) -> Outcome | None:
    """The next trial of the same task; None if there is none."""
    before = item.reflection.episode
    after = Episode.objects.filter(
        experiment=before.experiment_id, task=before.task_id, trial=before.trial + 1
    ).first()
    if after is None:
        return None
    return Outcome(
        episode=after,
        episode_return=present.decimal(after.episode_return),
        truncation=truncation_words(after),
        steps=aligned(before, after),
    )


def aligned(before: Episode, after: Episode) -> list[Aligned]:
    """The first steps of both, like beside like."""
    old, new = rows_with_moves(before, STEPS_ALIGNED), rows_with_moves(after, STEPS_ALIGNED)
    pairs = alignment.aligned([move for _, move in old], [move for _, move in new])
    return [
        Aligned(
            kind=pair.kind,
            before=None if pair.before is None else old[pair.before][0],
            after=None if pair.after is None else new[pair.after][0],
        )
        for pair in pairs
    ]


def gold_answer(task: Task) -> str:
    """The right answer where the task has one; read without the rest of its payload."""
    found = Task.objects.filter(pk=task.pk).values_list("payload__gold_answer", flat=True).first()
    return found if isinstance(found, str) else ""


def answer_rows(responses: "list[Response]") -> list[AnswerRow]:
    """Answers whose person was fetched with them."""
    return [_answer_row(response) for response in responses]


def _answer_row(row: Response) -> AnswerRow:
    changed = row.first_kind and (row.first_kind, row.first_value) != (row.kind, _own_value(row))
    first = " ".join(filter(None, [row.first_kind, _words(row.first_value)])) if changed else ""
    return AnswerRow(
        pk=row.pk,
        person=row.person.get_username(),
        kind=row.kind,
        value=_words(row.value),
        value_class=present.rating_class(row.value),
        first=first,
        confidence=row.get_confidence_display() if row.confidence else "",
        reasons=[REASONS.get(reason, reason) for reason in row.reasons],
        note=row.note,
        when=present.moment(row.created_at),
        bulk=row.batch_id is not None,
    )


def _own_value(row: Response) -> float | None:
    return row.value if row.kind == Response.Kind.OVERRIDE else None


def _words(value: float | None) -> str:
    return "" if value is None else present.signed(value)


def _steps(episode: Episode) -> list[StepRow]:
    return short_rows(Step.objects.filter(episode=episode)).get(episode.pk, [])


def marked(text: str, spans: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The text in pieces, each with its highlight's label or nothing; the earlier span wins."""
    pieces, place = [], 0
    for span in sorted(spans, key=lambda one: (one["start"], one["end"])):
        start, end = max(span["start"], place), min(span["end"], len(text))
        if start >= end:
            continue
        pieces += [(text[place:start], ""), (text[start:end], span["label"])]
        place = end
    return [piece for piece in [*pieces, (text[place:], "")] if piece[0]]
