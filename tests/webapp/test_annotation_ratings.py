"""What follows from many answers at once: bulk, reverts, another rule, a late automatic rating."""

import pytest
from django.contrib.auth.models import User

from retro_core import types
from tests.webapp.annotated import effective, give, override, person, queue_of
from tests.webapp.played import episode, new_experiment
from webapp.annotation.models import QueueItem, RatingEvent
from webapp.annotation.services import bulk, deciding, effects
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


def test_a_revert_withdraws_what_caused_the_change(item: QueueItem, ann: User) -> None:
    boss = person("boss", "administrator")
    give(item, ann, override(0.5))
    event = RatingEvent.objects.get()

    assert deciding.revert([event], boss, "Misread.") == 1
    assert deciding.revert([event], boss, "Again.") == 0

    last = RatingEvent.objects.latest("pk")
    assert effective(item) == 0.0
    assert (last.person, last.cause, last.why) == (boss, "revert", "Misread.")


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
