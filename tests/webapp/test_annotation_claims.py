"""Handing items out: leases, places, and whose turn it is."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.webapp.annotated import (
    ACCEPT,
    UNSURE,
    effective,
    give,
    override,
    person,
    queue_of,
    signed_in,
)
from tests.webapp.pages import text
from webapp.annotation.models import (
    Assignment,
    Draft,
    Queue,
    QueueItem,
    Response,
)
from webapp.annotation.rows import queue_rows
from webapp.annotation.services import answers, claims

pytestmark = pytest.mark.django_db


@pytest.fixture
def item() -> QueueItem:
    found = queue_of(count=2, overlap=2).items.order_by("pk").first()
    assert found is not None
    return found


@pytest.fixture
def ann() -> User:
    return person("ann")


@pytest.fixture
def ben() -> User:
    return person("ben")


def expire(item: QueueItem, user: User) -> None:
    ago = timezone.now() - timedelta(seconds=1)
    Assignment.objects.filter(item=item, person=user).update(lease_expires_at=ago)


def test_a_second_annotator_is_given_what_the_first_does_not_hold() -> None:
    queue = queue_of(count=2, overlap=1)
    ann, ben, cho = person("ann"), person("ben"), person("cho")

    first, second = claims.next_item(queue, ann.pk), claims.next_item(queue, ben.pk)

    assert first != second
    assert claims.next_item(queue, cho.pk) is None
    assert claims.next_item(queue, ann.pk) == first  # begun work comes again


def test_an_expired_lease_goes_to_another_and_the_late_answer_is_refused_with_its_draft(
    ann: User, ben: User
) -> None:
    queue = queue_of(count=1, overlap=1)
    item = claims.next_item(queue, ann.pk)
    assert item is not None
    answers.save_draft(item.pk, ann.pk, 0, {"kind": "unsure"})
    expire(item, ann)

    assert claims.next_item(queue, ben.pk) == item
    give(item, ben, override(1.0))
    with pytest.raises(answers.Refused, match="Others have finished"):
        give(item, ann, UNSURE)

    assert Draft.objects.get(person=ann).body == {"kind": "unsure"}
    assert Response.objects.get().person == ben


def test_an_expired_lease_that_nobody_took_still_takes_the_answer(
    item: QueueItem, ann: User
) -> None:
    claims.take(item.pk, ann.pk)
    expire(item, ann)

    assert give(item, ann, ACCEPT).value == 0.0


def test_each_person_has_an_order_of_their_own_that_stays() -> None:
    queue = queue_of(count=8, overlap=2)
    rows = QueueItem.objects.filter(queue=queue)

    one = [row.pk for row in claims.in_order_of(1, queue, rows)]
    other = [row.pk for row in claims.in_order_of(2, queue, rows)]

    assert one == [row.pk for row in claims.in_order_of(1, queue, rows)]
    assert sorted(one) == sorted(other)
    assert one != other


def test_a_raised_overlap_opens_items_again_and_a_lowered_one_drops_nothing(
    ann: User, ben: User
) -> None:
    queue = queue_of(count=1, overlap=1)
    item = queue.items.get()
    give(item, ann, override(1.0))
    assert claims.next_item(queue, ben.pk) is None

    Queue.objects.update(overlap=2)
    queue.refresh_from_db()
    assert claims.next_item(queue, ben.pk) == item
    Queue.objects.update(overlap=1)

    with pytest.raises(answers.Refused):
        give(item, ben, override(1.0))
    assert effective(item) == 1.0


def test_answers_beyond_a_lowered_overlap_do_not_hide_the_work_that_waits(
    ann: User, ben: User
) -> None:
    queue = queue_of(count=4, overlap=2)
    for item in queue.items.order_by("pk")[:2]:
        give(item, ann, override(1.0))
        give(item, ben, override(1.0))
    Queue.objects.update(overlap=1)

    queue.refresh_from_db()
    (row,) = queue_rows([queue])

    assert (row.done, row.wanted, row.share) == (2, 4, 50)
    assert claims.waiting_for(queue, ann.pk) == 2
    for path in ("/annotation/", f"/annotation/queues/{queue.pk}/"):
        page = text(signed_in(ann).get(path))
        assert ">none<" not in page
        assert "none: every item" not in page


def test_a_skipped_item_stays_last_when_another_takes_a_place_there(ann: User, ben: User) -> None:
    queue = queue_of(count=2, overlap=2)
    first = claims.next_item(queue, ann.pk)
    assert first is not None
    claims.skip(first, ann.pk)

    claims.take(first.pk, ben.pk)

    assert claims.next_item(queue, ann.pk) != first


def test_a_skipped_item_comes_back_only_after_all_others(ann: User) -> None:
    queue = queue_of(count=2, overlap=1)
    first = claims.next_item(queue, ann.pk)
    assert first is not None

    claims.skip(first, ann.pk)
    second = claims.next_item(queue, ann.pk)
    assert second is not None
    assert second != first
    give(second, ann, ACCEPT)

    assert claims.next_item(queue, ann.pk) == first
