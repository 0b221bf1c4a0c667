"""An answer or decision that meets a change of the rule settles by the new one, and none hangs."""

import pytest
from django.contrib.auth.models import Group

from tests.webapp.annotated import effective, give, override, person, queue_of
from tests.webapp.overlapping import during
from webapp.accounts.roles import ROLES
from webapp.annotation.models import QueueItem, RatingEvent
from webapp.annotation.services.deciding import decide
from webapp.annotation.services.effects import change_rule

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]


@pytest.fixture
def item() -> QueueItem:
    for name in ROLES:  # a test before may have emptied every table
        Group.objects.get_or_create(name=name)
    return queue_of(count=1, overlap=2).items.get()


def two_at_least() -> object:
    lead = person("lea", "researcher")
    return change_rule(lead, least_responses=2, tolerance=0.0, why="Two at least")


def test_an_answer_waits_for_a_rule_that_is_being_changed(item: QueueItem) -> None:
    ann = person("ann")

    during(two_at_least, lambda: give(item, ann, override(0.75)))

    assert effective(item) == 0.0


def test_a_change_of_the_rule_waits_for_an_answer_on_its_way(item: QueueItem) -> None:
    ann = person("ann")

    during(lambda: give(item, ann, override(0.75)), two_at_least)

    assert effective(item) == 0.0
    causes = RatingEvent.objects.order_by("pk").values_list("cause", "after")
    assert list(causes) == [("response", 0.75), ("rule", 0.0)]


def test_a_decision_and_a_change_of_the_rule_do_not_hang(item: QueueItem) -> None:
    lead = person("rea", "researcher")

    during(lambda: decide(item.reflection_id, lead, 0.5), two_at_least)

    assert effective(item) == 0.5
