"""What follows from many answers at once: bulk, reverts, another rule, a late automatic rating."""

import pytest
from django.contrib.auth.models import User

from retro_core import types
from tests.webapp.annotated import effective, give, override, person, queue_of
from tests.webapp.played import episode, new_experiment
from webapp.annotation.models import (
    Adjudication,
    Assignment,
    Draft,
    QueueItem,
    RatingEvent,
    Response,
)
from webapp.annotation.services import bulk, deciding, effects, taking_back
from webapp.annotation.services.making import Selection, Terms, make_queue
from webapp.episodes.models import Reflection
from webapp.episodes.services import record_episode, record_reflection

pytestmark = pytest.mark.django_db


@pytest.fixture
def item() -> QueueItem:
    return queue_of(count=1, overlap=2).items.get()


@pytest.fixture
def ann() -> User:
    return person("ann")


def test_a_bulk_answer_is_undone_as_one(ann: User) -> None:
    queue = queue_of(count=12, overlap=1)
    ids = list(queue.items.values_list("pk", flat=True))

    batch = bulk.apply(queue, ann, ids, override(1.0))
    assert batch.size == 12
    assert Reflection.objects.filter(effective_rating=1.0).count() == 12

    assert bulk.undo(batch) == 12
    assert bulk.undo(batch) == 0
    assert Reflection.objects.filter(effective_rating=0.0).count() == 12


def test_a_bulk_answer_is_undone_where_its_correction_was_undone_before(ann: User) -> None:
    queue = queue_of(count=12, overlap=1)
    item = queue.items.order_by("pk")[0]
    batch = bulk.apply(queue, ann, list(queue.items.values_list("pk", flat=True)), override(1.0))
    corrected = give(item, ann, override(0.5))
    taking_back.withdraw(corrected, ann, RatingEvent.Cause.WITHDRAWAL, "Undone")
    assert effective(item) == 1.0

    assert bulk.undo(batch) == 12
    assert (effective(item), Response.objects.current().count()) == (0.0, 0)


def test_a_revert_withdraws_what_caused_the_change(item: QueueItem, ann: User) -> None:
    boss = person("boss", "administrator")
    give(item, ann, override(0.5))
    event = RatingEvent.objects.get()

    assert deciding.revert([event], boss, "Misread.") == 1
    assert deciding.revert([event], boss, "Again.") == 0

    last = RatingEvent.objects.latest("pk")
    assert effective(item) == 0.0
    assert (last.person, last.cause, last.why) == (boss, "revert", "Misread.")


def test_reverting_a_correction_brings_the_corrected_answer_back(
    item: QueueItem, ann: User
) -> None:
    give(item, ann, override(0.5))
    give(item, ann, override(-1.0))
    event = RatingEvent.objects.latest("pk")

    assert deciding.revert([event], person("boss", "administrator"), "Misread.") == 1

    given = Response.objects.current().get()
    assert (given.value, given.note, given.rubric) == (0.5, "said so", {"root_cause": "yes"})
    assert (given.person, given.entered_by.username) == (ann, "boss")
    assert effective(item) == 0.5
    assert Assignment.objects.get(item=item, person=ann).state == "done"
    assert Draft.objects.get().body["value"] == "-1"


def test_an_answer_is_taken_out_of_force_with_all_that_it_had_replaced(
    item: QueueItem, ann: User
) -> None:
    boss = person("boss", "administrator")
    for value in (0.25, 0.5, 1.0):
        give(item, ann, override(value))

    events = RatingEvent.objects.order_by("pk")
    assert deciding.revert(events, boss, "All of it.", outright=True) == 1

    assert (effective(item), Response.objects.current().count()) == (0.0, 0)


def test_a_decision_is_taken_out_of_force_with_the_one_before(item: QueueItem) -> None:
    boss = person("boss", "administrator")
    for value in (0.5, 1.0):
        deciding.decide(item.reflection_id, boss, value, why="So.")

    events = RatingEvent.objects.order_by("pk")
    assert deciding.revert(events, boss, "Neither.", outright=True) == 1

    assert (effective(item), Adjudication.objects.current().count()) == (0.0, 0)


def test_undoing_a_correction_leaves_the_first_answer_and_the_words_of_the_second(
    item: QueueItem, ann: User
) -> None:
    give(item, ann, override(0.5))
    second = give(item, ann, override(-1.0))

    assert taking_back.withdraw(second, ann, RatingEvent.Cause.WITHDRAWAL, "Undone")
    assert effective(item) == 0.5

    give(item, ann, override(1.0))  # the key of the page that opens after the undo
    assert effective(item) == 1.0


def test_reverting_a_decision_brings_the_earlier_decision_back(item: QueueItem) -> None:
    lead, boss = person("lea", "researcher"), person("boss", "administrator")
    deciding.decide(item.reflection_id, lead, 0.5, why="First.", gold=True)
    deciding.decide(item.reflection_id, lead, 1.0, why="Second.")
    first, second = RatingEvent.objects.order_by("pk")

    assert deciding.revert([second, first], boss, "Hasty.") == 1  # the first is replaced

    now = Adjudication.objects.current().get()
    assert (now.value, now.gold, effective(item)) == (0.5, True, 0.5)
    assert deciding.revert([RatingEvent.objects.latest("pk")], boss, "This too.") == 1
    assert effective(item) == 1.0  # reverting a revert


def test_a_new_rule_settles_everything_and_going_back_restores_it(
    item: QueueItem, ann: User
) -> None:
    lead = person("lea", "researcher")
    give(item, ann, override(0.5))

    assert effects.change_rule(lead, least_responses=2, tolerance=0.0, why="Two at least") == 1
    assert effective(item) == 0.0

    assert effects.change_rule(lead, least_responses=1, tolerance=0.0, why="One is enough") == 1
    assert effective(item) == 0.5


def test_a_new_automatic_rating_does_not_drop_what_people_said(ann: User) -> None:
    row = new_experiment().experiment_tasks.select_related("task")[0]
    record_episode(row, episode(row.task.key, 1, 0.0))
    written = types.Reflection(row.task.key, 1, "?", "Try blue.")
    record_reflection(row, written, repeat_share=0.9)
    queue = make_queue(person("lea", "researcher"), Terms("q"), Selection([]), "")
    item = queue.items.get()
    give(item, ann, override(1.0))

    record_episode(row, episode(row.task.key, 2, 0.25))

    reflection = Reflection.objects.get()
    assert (reflection.automatic_rating, reflection.effective_rating) == (0.25, 1.0)
