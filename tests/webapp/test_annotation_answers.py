"""Drafts, answers and effective ratings: nothing is lost, nothing is counted twice."""

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, transaction

from tests.webapp.annotated import (
    UNSURE,
    effective,
    give,
    key_for,
    override,
    person,
    queue_of,
)
from webapp.annotation.models import (
    Adjudication,
    Draft,
    Queue,
    QueueItem,
    RatingEvent,
    Response,
)
from webapp.annotation.services import answers, claims, deciding, taking_back

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue() -> Queue:
    return queue_of(count=3, overlap=2)


@pytest.fixture
def item(queue: Queue) -> QueueItem:
    return queue.items.order_by("pk")[0]


@pytest.fixture
def ann() -> User:
    return person("ann")


@pytest.fixture
def ben() -> User:
    return person("ben")


def test_an_override_becomes_the_effective_rating_with_one_event(
    item: QueueItem, ann: User
) -> None:
    response = give(item, ann, override(0.5))

    event = RatingEvent.objects.get()
    assert effective(item) == 0.5
    assert (event.person, event.before, event.after) == (ann, 0.0, 0.5)
    assert event.response == response


def test_people_who_differ_leave_the_automatic_rating(
    item: QueueItem, ann: User, ben: User
) -> None:
    give(item, ann, override(0.5))
    give(item, ben, override(-1.0))

    assert effective(item) == 0.0
    assert [event.after for event in RatingEvent.objects.order_by("pk")] == [0.5, 0.0]


def test_a_decision_goes_before_every_answer_and_can_be_taken_back(
    item: QueueItem, ann: User
) -> None:
    lead = person("lea", "researcher")
    give(item, ann, override(0.5))

    deciding.decide(item.reflection_id, lead, 1.0, why="The plan solves it.")
    assert effective(item) == 1.0

    deciding.decide(item.reflection_id, lead, None)
    assert effective(item) == 0.5
    assert Adjudication.objects.count() == 2


def test_the_same_submission_sent_twice_is_stored_once(item: QueueItem, ann: User) -> None:
    key = key_for(item, ann)

    first = answers.submit(item.pk, ann, override(0.5), key)
    second = answers.submit(item.pk, ann, override(0.5), key)

    assert first == second
    assert (Response.objects.count(), RatingEvent.objects.count()) == (1, 1)


def test_another_answer_under_the_same_key_is_refused_and_the_first_stays(
    item: QueueItem, ann: User
) -> None:
    key = key_for(item, ann)
    answers.submit(item.pk, ann, override(0.5), key)

    with pytest.raises(answers.Refused, match="another tab"):
        answers.submit(item.pk, ann, override(1.0), key)

    assert effective(item) == 0.5


def test_a_correction_replaces_ones_own_answer(item: QueueItem, ann: User) -> None:
    first = give(item, ann, override(0.5))
    second = give(item, ann, override(1.0))

    assert second.replaces == first
    assert effective(item) == 1.0
    assert list(Response.objects.current()) == [second]


def test_undo_gives_the_rating_and_the_draft_back(item: QueueItem, ann: User) -> None:
    response = give(item, ann, override(0.5))

    assert taking_back.withdraw(response, ann, RatingEvent.Cause.WITHDRAWAL)
    assert not taking_back.withdraw(response, ann, RatingEvent.Cause.WITHDRAWAL)

    draft = Draft.objects.get()
    assert effective(item) == 0.0
    assert (draft.body["kind"], draft.body["value"], draft.body["note"]) == (
        "override",
        "0.5",
        "said so",
    )
    assert Response.objects.count() == 2  # the answer and its withdrawal
    assert claims.next_item(item.queue, ann.pk) == item


def test_events_cannot_be_changed_or_deleted_even_by_the_database_user(
    item: QueueItem, ann: User
) -> None:
    response = give(item, ann, override(0.5))

    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Response.objects.filter(pk=response.pk).update(value=1.0)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        RatingEvent.objects.all()._raw_delete("default")


def test_the_database_refuses_an_override_without_a_value(item: QueueItem, ann: User) -> None:
    response = give(item, ann, override(0.5))
    response.pk, response.value, response.replaces_id = None, None, response.pk
    response.key = key_for(item, ann)

    with pytest.raises(IntegrityError, match="response_value_fits_kind"), transaction.atomic():
        response.save(force_insert=True)


def test_a_draft_is_saved_over_the_version_that_the_tab_saw_and_no_other(
    item: QueueItem, ann: User
) -> None:
    first = answers.save_draft(item.pk, ann.pk, 0, {"note": "one"})
    second = answers.save_draft(item.pk, ann.pk, 1, {"note": "two"})
    stale = answers.save_draft(item.pk, ann.pk, 1, {"note": "stale"})
    other_tab = answers.save_draft(item.pk, ann.pk, 0, {"note": "fresh tab"})

    assert first is not None
    assert second is not None
    assert second.version == 2
    assert (stale, other_tab) == (None, None)
    assert Draft.objects.get().body == {"note": "two"}


def test_a_draft_that_arrives_after_its_submission_is_late(item: QueueItem, ann: User) -> None:
    key = key_for(item, ann)
    give(item, ann, override(1.0))

    late = answers.save_draft(item.pk, ann.pk, 0, {"kind": "override", "value": "1"}, key)
    fresh = answers.save_draft(item.pk, ann.pk, 0, {"note": "more"}, key_for(item, ann))

    assert late is None
    assert fresh is not None
    assert Draft.objects.get().body == {"note": "more"}


def test_the_first_answer_is_kept_when_it_is_changed_after_the_reveal(
    item: QueueItem, ann: User
) -> None:
    answers.save_draft(item.pk, ann.pk, 0, {"kind": "override", "value": "-1"})
    answers.save_draft(item.pk, ann.pk, 1, {"kind": "override", "value": "1"})

    response = give(item, ann, override(1.0))

    assert (response.first_kind, response.first_value) == ("override", -1.0)
    assert response.value == 1.0
    assert not Draft.objects.exists()


def test_a_note_alone_is_no_first_answer(item: QueueItem, ann: User) -> None:
    answers.save_draft(item.pk, ann.pk, 0, {"note": "Hm."})

    assert give(item, ann, UNSURE).first_kind == "unsure"


def test_a_value_comes_back_into_the_form_whole(item: QueueItem, ann: User) -> None:
    assert answers.as_body(give(item, ann, override(0.3333333)))["value"] == "0.3333333"
