"""Queues and changes of ratings as lists show them: every value already words."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from django.db.models import Count, QuerySet
from django.utils import timezone

from webapp import present
from webapp.annotation.models import Queue, RatingEvent, Response
from webapp.annotation.services.claims import progress

PACE_WINDOW = timedelta(days=7)
PACE_ANSWERS = 2000
IDLE_GAP = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A queue with its progress and what is left of its time."""

    queue: Queue
    items: str
    done: int
    wanted: int
    share: int
    left: str
    deadline: str
    overdue: bool
    made: present.Moment | None


@dataclass(frozen=True, slots=True)
class EventRow:
    """A change of an effective rating in words."""

    event: RatingEvent
    before: str
    after: str
    after_class: str
    cause: str
    when: present.Moment | None
    revertable: bool


def queue_rows(queues: list[Queue]) -> list[QueueRow]:
    """Rows of queues, with one query for the progress of all."""
    counted = progress([queue.pk for queue in queues])
    return [_queue_row(queue, *counted.get(queue.pk, (0, 0))) for queue in queues]


def _queue_row(queue: Queue, done: int, items: int) -> QueueRow:
    wanted = items * queue.overlap
    today = timezone.now().date()
    return QueueRow(
        queue=queue,
        items=present.count(items),
        done=done,
        wanted=wanted,
        share=min(100, round(100 * done / wanted)) if wanted else 0,
        left=time_left(queue, wanted - done),
        deadline=queue.deadline.strftime("%-d %b %Y") if queue.deadline else "",
        overdue=bool(queue.deadline and queue.deadline < today and done < wanted),
        made=present.moment(queue.created_at),
    )


def time_left(queue: Queue, missing: int) -> str:
    """Hours of one person's work that are left, at the pace of the last week; empty if unknown."""
    since = timezone.now() - PACE_WINDOW
    answers = Response.objects.current().filter(item__queue=queue, created_at__gt=since, batch=None)
    clocked = answers.exclude(seconds=None).order_by("-pk").values_list("seconds", flat=True)
    took = [seconds for seconds in clocked[:PACE_ANSWERS] if seconds] or _gaps(answers)
    if missing <= 0 or len(took) < 3:
        return ""
    return present.duration(sorted(took)[len(took) // 2] * missing)


def _gaps(answers: "QuerySet[Response]") -> list[float]:
    """Seconds between a person's answers that came without the clock of the page."""
    rows = answers.order_by("person", "created_at").values_list("person", "created_at")
    return [
        (after[1] - before[1]).total_seconds()
        for before, after in pairwise(rows[:PACE_ANSWERS])
        if before[0] == after[0] and after[1] - before[1] < IDLE_GAP
    ]


def event_rows(events: Iterable[RatingEvent], in_force: set[int]) -> list[EventRow]:
    """Rows of changes whose people and reflections were fetched with them."""
    return [
        EventRow(
            event=event,
            before=present.signed(event.before),
            after=present.signed(event.after),
            after_class=present.rating_class(event.after),
            cause=event.get_cause_display(),
            when=present.moment(event.created_at),
            revertable=event.pk in in_force,
        )
        for event in events
    ]


def sources_of(queue: Queue) -> list[tuple[str, int]]:
    """How many items were drawn for which reason."""
    rows = queue.items.values("source").order_by("source").annotate(number=Count("pk"))
    words = dict(queue.items.model.Source.choices)
    return [(words[row["source"]], row["number"]) for row in rows]
