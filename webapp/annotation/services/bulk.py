"""One answer for many items at once, undone as one."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from webapp.annotation.models import Batch, Queue, QueueItem, RatingEvent, Response
from webapp.annotation.services.answers import (
    Answer,
    Refused,
    current_response,
    submission_key,
    submit,
)
from webapp.annotation.services.claims import in_order_of
from webapp.annotation.services.effects import hold_rule
from webapp.annotation.services.taking_back import withdraw
from webapp.episodes.models import Reflection

FEWEST, MOST = 10, 100
RATINGS = {
    "below 0": Q(reflection__automatic_rating__lt=0),
    "0": Q(reflection__automatic_rating=0),
    "above 0": Q(reflection__automatic_rating__gt=0),
}


def offered(queue: Queue, person_id: int, rating: str) -> list[QueueItem]:
    """Items that the person could still answer, by their automatic rating, in their own order."""
    free = QueueItem.objects.filter(RATINGS.get(rating, Q()), queue=queue).free_for(person_id)
    rows = in_order_of(person_id, queue, free).select_related("reflection__episode__task")
    return list(rows.defer("reflection__prompt", "reflection__episode__task__payload")[:MOST])


@transaction.atomic
def apply(queue: Queue, person: User, item_ids: list[int], answer: Answer) -> Batch:
    """Answer each item that still has room; the batch holds how many those were.

    What the person has answered since stays: a bulk answer corrects nothing.
    """
    items = QueueItem.objects.filter(queue=queue, pk__in=item_ids).order_by("pk")
    fitting = (
        items
        if answer.kind != Response.Kind.ACCEPT
        else items.exclude(reflection__automatic_rating=None)
    )
    _lock(fitting)
    batch = Batch.objects.create(queue=queue, person=person, size=0)
    batch.size = sum(_answer(item, person, answer, batch) for item in fitting)
    batch.save(update_fields=["size"])
    return batch


def _lock(items: "QuerySet[QueueItem]") -> None:
    """All that the answers will lock, in one order: two batches may hold the same reflections."""
    wanted = list(items.select_for_update(of=("self",)).values_list("reflection", flat=True))
    hold_rule()
    rows = Reflection.objects.select_for_update(no_key=True).filter(pk__in=wanted)
    list(rows.order_by("pk").only("pk"))


def _answer(item: QueueItem, person: User, answer: Answer, batch: Batch) -> bool:
    if current_response(item.pk, person.pk) is not None:
        return False
    try:
        with transaction.atomic():
            submit(item.pk, person, answer, submission_key(item.pk, person.pk), batch=batch)
    except Refused:
        return False
    return True


@transaction.atomic
def undo(batch: Batch) -> int:
    """Withdraw the batch's answers that are still in force; count them."""
    open_batch = Batch.objects.select_for_update().filter(pk=batch.pk, undone_at=None)
    if not open_batch.exists():
        return 0
    cause, why = RatingEvent.Cause.WITHDRAWAL, f"Bulk answer {batch.pk} undone"
    rows = Response.objects.filter(batch=batch).select_related("replaces").order_by("item")
    # Outright: what a person had said before the batch and took back is not said again.
    undone = sum(withdraw(row, batch.person, cause, why, outright=True) for row in rows)
    Batch.objects.filter(pk=batch.pk).update(undone_at=timezone.now())
    return undone
