"""Answers as JSON lines, out and in again: the whole history, with who and when."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from webapp.annotation.models import Assignment, Queue, QueueItem, RatingEvent, Response
from webapp.annotation.services.answers import Answer
from webapp.annotation.services.claims import lock_item, place
from webapp.annotation.services.effects import Reason, settle

Json = dict[str, Any]  # as the format defines it


@dataclass(frozen=True, slots=True)
class Line:
    """A checked line of a file of answers."""

    number: int
    experiment: str
    task: str
    trial: int
    copy: int
    person: str
    at: datetime
    said_at: datetime | None
    key: UUID
    replaces: UUID | None
    answer: Answer
    automatic: float | None
    first_kind: str
    first_value: float | None
    seconds: float | None


@dataclass(slots=True)
class Report:
    """What an import did; with a bad line it did nothing."""

    imported: int = 0
    known: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)


def responses_of(queue: Queue) -> "QuerySet[Response]":
    """Every event of a queue with what an export needs, oldest first."""
    rows = Response.objects.filter(item__queue=queue).select_related(
        "item", "person", "entered_by", "replaces", "guidelines", "reflection__episode__task"
    )
    return rows.select_related("reflection__experiment").order_by("pk")


def response_lines(queue: Queue) -> Iterator[str]:
    """One JSON object a line."""
    for row in responses_of(queue).iterator(chunk_size=500):
        yield json.dumps(line_of(row), ensure_ascii=False) + "\n"


def line_of(row: Response) -> Json:
    """One event with who, when and what."""
    episode = row.reflection.episode
    return {
        "key": str(row.key),
        "replaces": str(row.replaces.key) if row.replaces else None,
        "experiment": row.reflection.experiment.name,
        "task": episode.task.key,
        "trial": episode.trial,
        "copy": row.item.copy,
        "person": row.person.get_username(),
        "entered_by": row.entered_by.get_username(),
        "at": row.created_at.isoformat(),
        "said_at": row.said_at.isoformat() if row.said_at else None,
        "kind": row.kind,
        "value": row.value,
        "automatic_rating": row.automatic_rating,
        "first_kind": row.first_kind,
        "first_value": row.first_value,
        "confidence": row.confidence,
        "rubric": row.rubric,
        "reasons": row.reasons,
        "spans": row.spans,
        "note": row.note,
        "seconds": row.seconds,
        "guidelines": row.guidelines.version if row.guidelines else None,
    }


class _BadLine(Exception):
    """A line that does not fit what is stored."""


class _Everything(Exception):
    """Ends the transaction without a trace."""


def import_responses(queue: Queue, lines: Sequence[Line], by: User) -> Report:
    """Add the answers that are not here yet, all or none."""
    report = Report()
    try:
        with transaction.atomic():
            for line in lines:
                _put(queue, line, by, report)
            if report.bad:
                raise _Everything
    except _Everything:
        report.imported = 0
    return report


def _put(queue: Queue, line: Line, by: User, report: Report) -> None:
    """Store one line and settle the rating: the change names its answer and can be reverted."""
    if Response.objects.filter(key=line.key).exists():
        report.known += 1
        return
    try:
        response = _store(queue, line, by)
    except _BadLine as problem:
        report.bad.append((line.number, str(problem)))
        return
    report.imported += 1
    reason = Reason(by, RatingEvent.Cause.IMPORT, "Imported answer", response=response)
    settle([response.reflection_id], reason)


def _store(queue: Queue, line: Line, by: User) -> Response:
    item, person = _item(queue, line), _person(line)
    last = Response.objects.filter(item=item, person=person, replaced_by=None).first()
    if (last.key if last else None) != line.replaces:
        raise _BadLine(f"{line.person} has another answer to this reflection already")
    withdrawn = line.answer.kind == Response.Kind.WITHDRAWN
    if withdrawn and last is None:
        raise _BadLine("nothing was answered that could be withdrawn")
    _settle_place(item, person, withdrawn=withdrawn)
    return Response.objects.create(
        item=item,
        reflection_id=item.reflection_id,
        person=person,
        entered_by=by,
        kind=line.answer.kind,
        value=line.answer.value,
        automatic_rating=line.automatic,
        first_kind=line.first_kind,
        first_value=line.first_value,
        confidence=line.answer.confidence,
        rubric=line.answer.rubric,
        reasons=line.answer.reasons,
        spans=line.answer.spans,
        note=line.answer.note,
        seconds=line.seconds,
        key=line.key,
        digest=line.answer.digest,
        replaces=last,
        created_at=line.at,
        said_at=line.said_at,
    )


def _settle_place(item: QueueItem, person: User, *, withdrawn: bool) -> None:
    mine = Assignment.objects.filter(item=item, person=person)
    if withdrawn:
        mine.update(state=Assignment.State.SKIPPED)
    elif not mine.filter(state=Assignment.State.DONE).exists():
        if not place(item, person.pk):
            raise _BadLine("the item has all the answers that its overlap allows")
        mine.update(state=Assignment.State.DONE)


def _item(queue: Queue, line: Line) -> QueueItem:
    found = QueueItem.objects.filter(
        queue=queue,
        reflection__experiment__name=line.experiment,
        reflection__episode__task__key=line.task,
        reflection__episode__trial=line.trial,
        copy=line.copy,
    ).first()
    if found is None:
        raise _BadLine("the queue has no such reflection")
    return lock_item(found.pk)


def _person(line: Line) -> User:
    person = User.objects.filter(username=line.person).first()
    if person is None:
        raise _BadLine(f"nobody is called {line.person!r} here")
    return person
