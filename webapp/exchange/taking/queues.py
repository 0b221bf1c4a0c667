"""Queues of an import: the items that answers belong to, and the places of who gave them."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from django.db.models import Max
from django.utils import timezone

from retro_core.errors import InvalidInput
from webapp.annotation.models import Assignment, Queue, QueueItem, Response
from webapp.episodes.models import Reflection
from webapp.exchange.columns import Row

MARK = {"imported": True}
MOST_PLACES = 20  # of one item, as the database has it
BATCH = 500
State = Assignment.State


def item_of(row: Row, reflection: Reflection) -> QueueItem:
    """The item that an answer or decision names; made where its queue is an imported one.

    Raises InvalidInput where a queue made here has no such item.
    """
    name, copy = row["queue"], row.get("copy") or 0
    known = QueueItem.objects.filter(queue__name=name, reflection=reflection, copy=copy).first()
    if known is not None:
        return known
    queue, _ = Queue.objects.get_or_create(
        name=name,
        defaults={"selection": MARK, "notes": "Imported.", "closed_at": timezone.now()},
    )
    if queue.selection != MARK:
        raise InvalidInput(f"the queue {name!r} here does not hold this reflection")
    source = QueueItem.Source.AGAIN if copy else QueueItem.Source.FILTER
    return QueueItem.objects.create(queue=queue, reflection=reflection, copy=copy, source=source)


def settle_places(item_ids: Collection[int]) -> None:
    """Give whoever has an answer in force a place that is done; free those of withdrawn answers.

    An imported queue grows until its overlap holds every place. A queue made here keeps its own:
    a place beyond it only tells that its person is not asked again.
    """
    locked = QueueItem.objects.select_for_update(of=("self",)).select_related("queue")
    items = list(locked.filter(pk__in=item_ids).order_by("pk"))
    people: dict[int, list[int]] = defaultdict(list)
    answers = Response.objects.current().filter(item__in=item_ids).order_by("pk")
    for item_id, person_id in answers.values_list("item", "person"):
        people[item_id].append(person_id)
    given: dict[int, list[Assignment]] = defaultdict(list)
    for row in Assignment.objects.filter(item__in=item_ids).order_by("place"):
        given[row.item_id].append(row)
    new = [row for item in items for row in _settled(item, people[item.pk], given[item.pk])]
    known = [row for rows in given.values() for row in rows]
    Assignment.objects.bulk_create(new, batch_size=BATCH)
    Assignment.objects.bulk_update(known, ["person", "state"], batch_size=BATCH)
    _grow({item.queue_id for item in items if item.queue.selection == MARK})


def _settled(
    item: QueueItem, people: Sequence[int], given: Sequence[Assignment]
) -> list[Assignment]:
    """Bring the given places up to date with `people`, who have answered; return new ones."""
    for row in given:
        if row.person_id in people:
            row.state = State.DONE
        elif row.state == State.DONE:
            row.state = State.SKIPPED
    known = {row.person_id for row in given}
    waiting = [one for one in people if one not in known]
    left = [row for row in given if not row.is_held]
    numbers = sorted(set(range(1, MOST_PLACES + 1)) - {row.place for row in given})
    new = []
    for person_id in waiting[: len(left) + len(numbers)]:
        if left and (not numbers or numbers[0] > item.queue.overlap):
            row = left.pop(0)  # as when the item is handed out: a place that nobody holds
            row.person_id, row.state = person_id, State.DONE
        else:
            new.append(_done(item, person_id, numbers.pop(0)))
    return new


def _done(item: QueueItem, person_id: int, place: int) -> Assignment:
    made = Assignment(item=item, person_id=person_id, place=place, state=State.DONE)
    made.lease_expires_at = timezone.now()
    return made


def _grow(queue_ids: Collection[int]) -> None:
    """Raise the overlap of imported queues to their last place."""
    done = Assignment.objects.filter(item__queue__in=queue_ids, state=State.DONE)
    for queue_id, last in done.order_by().values_list("item__queue").annotate(Max("place")):
        Queue.objects.filter(pk=queue_id, overlap__lt=last).update(overlap=last)
