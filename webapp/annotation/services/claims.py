"""Handing items out: a place for one person each, leased, and never one too many."""

from collections import Counter

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import CharField, Count, F, Q, QuerySet, Value
from django.db.models.functions import MD5, Cast, Concat
from django.utils import timezone

from webapp.annotation.models import Assignment, Queue, QueueItem
from webapp.annotation.models.queues import LEASE

_DONE = Count("assignments", filter=Q(assignments__state=Assignment.State.DONE))


def next_item(queue: Queue, person_id: int) -> QueueItem | None:
    """The person's begun item, else a free one in their own order, else one they skipped."""
    begun = _own(queue, person_id, Assignment.State.OPEN)
    skipped = _own(queue, person_id, Assignment.State.SKIPPED)
    return (
        _first_taken(begun, person_id)
        or _claim_free(queue, person_id)
        or _first_taken(skipped, person_id)
    )


def in_order_of(
    person_id: int, queue: Queue, items: "QuerySet[QueueItem]"
) -> "QuerySet[QueueItem]":
    """Urgent items first; the rest shuffled differently for each person, always the same."""
    salt = Value(f"-{person_id}-{queue.seed}")
    shuffled = MD5(Concat(Cast(F("pk"), CharField()), salt, output_field=CharField()))
    return items.order_by(F("priority").desc(), shuffled, "pk")


@transaction.atomic
def take(item_id: int, person_id: int) -> bool:
    """Take a place at an item, or renew the one that the person has; False if it is full."""
    item = lock_item(item_id)
    return item.queue.is_open and place(item, person_id)


def lock_item(item_id: int) -> QueueItem:
    """The item, locked until the transaction ends: whoever gives out places holds it."""
    rows = QueueItem.objects.select_related("queue").select_for_update(of=("self",))
    return rows.get(pk=item_id)


def place(item: QueueItem, person_id: int) -> bool:
    """Give the person a place at a locked item if fewer others than its overlap hold one."""
    rows = Assignment.objects.filter(item=item)
    given = list(rows)
    own = next((row for row in given if row.person_id == person_id), None)
    if own is not None and own.state == Assignment.State.DONE:
        return False
    held = {row.place for row in given if row.is_held and row is not own}
    if len(held) >= item.queue.overlap:
        return False
    lease = {"state": Assignment.State.OPEN, "lease_expires_at": timezone.now() + LEASE}
    if own is not None:
        rows.filter(pk=own.pk).update(**lease)
        return True
    free = set(range(1, item.queue.overlap + 1)) - held
    known = {row.place for row in given}
    # Where every place was had before: of a lease that ran out (that person's draft stays), or
    # of who skipped the item and is asked again last.
    chosen = min(free - known or free)
    rows.filter(place=chosen).delete()
    Assignment.objects.create(item=item, person_id=person_id, place=chosen, **lease)
    return True


def skip(item: QueueItem, person_id: int) -> None:
    """Give the place back; the person gets the item again only after all others."""
    mine = Assignment.objects.filter(item=item, person=person_id, state=Assignment.State.OPEN)
    mine.update(state=Assignment.State.SKIPPED, lease_expires_at=timezone.now())


def may_work(queue: Queue, user: User) -> bool:
    """Whether the queue is open and the person belongs to its pool."""
    return Queue.objects.workable_by(user).filter(pk=queue.pk).exists()


def waiting_for(queue: Queue, person_id: int) -> int:
    """How many items the person could still be given."""
    open_ones = _own(queue, person_id, Assignment.State.OPEN).count()
    return QueueItem.objects.filter(queue=queue).free_for(person_id).count() + open_ones


def progress(queue_ids: list[int]) -> dict[int, tuple[int, int]]:
    """Answers given and items, of each queue; answers beyond an item's overlap fill no other's."""
    rows = QueueItem.objects.filter(queue__in=queue_ids).values("queue").order_by("queue")
    counted = rows.annotate(done=_DONE, items=Count("pk", distinct=True))
    beyond = _beyond_overlap(queue_ids)
    return {row["queue"]: (row["done"] - beyond[row["queue"]], row["items"]) for row in counted}


def _beyond_overlap(queue_ids: list[int]) -> Counter[int]:
    """How many answers each queue has beyond its overlap, which may have been lowered."""
    items = QueueItem.objects.filter(queue__in=queue_ids).annotate(done=_DONE)
    over = items.filter(done__gt=F("queue__overlap"))
    beyond: Counter[int] = Counter()
    for queue_id, done, overlap in over.values_list("queue", "done", "queue__overlap"):
        beyond[queue_id] += done - overlap
    return beyond


def _own(queue: Queue, person_id: int, state: Assignment.State) -> "QuerySet[Assignment]":
    rows = Assignment.objects.filter(item__queue=queue, person=person_id, state=state)
    return rows.select_related("item__queue").order_by("lease_expires_at", "pk")


def _first_taken(assignments: "QuerySet[Assignment]", person_id: int) -> QueueItem | None:
    found = (row.item for row in assignments if take(row.item_id, person_id))
    return next(found, None)


def _claim_free(queue: Queue, person_id: int) -> QueueItem | None:
    """Take the first free item; one that another person is just taking is passed over.

    An item may have filled up since the query saw it: then the next one is tried. What was
    locked at first is looked at again at the end, so that the last places are found too.
    """
    free = in_order_of(person_id, queue, QueueItem.objects.filter(queue=queue).free_for(person_id))
    for skip_locked in (True, False):
        full: list[int] = []
        while (
            claimed := _try_first(free.exclude(pk__in=full), person_id, skip_locked)
        ) is not None:
            item, placed = claimed
            if placed:
                return item
            full.append(item.pk)
    return None


@transaction.atomic
def _try_first(
    free: "QuerySet[QueueItem]", person_id: int, skip_locked: bool
) -> tuple[QueueItem, bool] | None:
    rows = free.select_related("queue").select_for_update(of=("self",), skip_locked=skip_locked)
    item = rows.first()
    return None if item is None else (item, place(item, person_id))
