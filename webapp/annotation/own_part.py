"""A person's own part of a queue: the last items, the time left, the answer just submitted."""

from dataclasses import dataclass
from statistics import median
from typing import Any

from django.contrib.auth.models import User

from webapp import present
from webapp.annotation.models import Adjudication, Assignment, QueueItem, Response
from webapp.annotation.services import claims
from webapp.annotation.services.taking_back import may_undo

ITEMS_SHOWN = 12
PACE_OF = 20  # the last answers
GOAL_SHOWN = 80


@dataclass(frozen=True, slots=True)
class OwnItem:
    """An item that the person has or had, with what they said."""

    item_id: int
    state: str
    goal: str
    trial: int
    said: str
    said_class: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided over a reflection, beside a person's answer."""

    value: str
    value_class: str
    why: str
    by: str
    gold: bool
    agrees: bool


@dataclass(frozen=True, slots=True)
class Submitted:
    """The answer just given: in words, whether it can be taken back, and its gold."""

    response: Response
    said: str
    may_undo: bool
    gold: Decision | None


def own_part(item: QueueItem, person: User) -> dict[str, Any]:
    """What the panel beside the episode shows."""
    mine = Assignment.objects.filter(item__queue=item.queue_id, person=person)
    done = mine.filter(state=Assignment.State.DONE).count()
    waiting = claims.waiting_for(item.queue, person.pk)
    return {
        "mine": _own_items(mine, person),
        "done_by_me": done,
        "waiting": waiting,
        "share_done": round(100 * done / (done + waiting)) if done + waiting else 100,
        "time_left": _time_left(item.queue_id, person, waiting),
    }


def _own_items(mine: Any, person: User) -> list[OwnItem]:
    """Newest first. `mine` is a query set of assignments."""
    rows = mine.select_related("item__reflection__episode__task").defer(
        "item__reflection__text",
        "item__reflection__prompt",
        "item__reflection__episode__task__payload",
    )
    shown = list(rows.order_by("-pk")[:ITEMS_SHOWN])
    given = Response.objects.current().filter(
        person=person, item__in=[row.item_id for row in shown]
    )
    said = {row.item_id: row for row in given.only("item", "kind", "value")}
    return [_own_item(row, said.get(row.item_id)) for row in shown]


def _own_item(row: Assignment, given: Response | None) -> OwnItem:
    episode = row.item.reflection.episode
    return OwnItem(
        item_id=row.item_id,
        state=row.state,
        goal=(episode.task.goal or episode.task.key)[:GOAL_SHOWN],
        trial=episode.trial,
        said=said_briefly(given) if given else "",
        said_class=present.rating_class(given.value) if given else "none",
    )


def said_briefly(given: Response) -> str:
    """The value, or the word where there is none."""
    return given.kind if given.value is None else present.signed(given.value)


def _time_left(queue_id: int, person: User, waiting: int) -> str:
    """At the pace of the person's own last answers; empty until there are three."""
    rows = Response.objects.filter(item__queue=queue_id, person=person, batch=None)
    rows = rows.exclude(seconds=None).order_by("-pk")
    seconds = [value or 0.0 for value in rows.values_list("seconds", flat=True)[:PACE_OF]]
    if len(seconds) < 3 or not waiting:
        return ""
    return present.duration(median(seconds) * waiting)


def submitted(pk: int | None, person: User) -> Submitted | None:
    """The person's answer of that number: to be taken back for a moment, its gold for longer."""
    if pk is None:
        return None
    rows = Response.objects.current().filter(pk=pk, entered_by=person)
    last = rows.select_related("item__queue").first()
    if last is None:
        return None
    undo, decision = may_undo(last), decision_over(last.item, last)
    gold = decision if decision and decision.gold else None
    return Submitted(last, said_briefly(last), undo, gold) if undo or gold else None


def decision_over(item: QueueItem, given: Response) -> Decision | None:
    """The decision in force, for one who has answered; gold only where the queue tells it."""
    rows = Adjudication.objects.current().filter(reflection=item.reflection_id)
    now = rows.select_related("decided_by").first()
    if now is None or (now.gold and not item.queue.shows_gold):
        return None
    return Decision(
        value=present.signed(now.value),
        value_class=present.rating_class(now.value),
        why=now.why,
        by=now.decided_by.get_username(),
        gold=now.gold,
        agrees=given.value is not None and given.value == now.value,
    )
