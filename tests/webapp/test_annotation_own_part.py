"""What the annotation page tells a person of their own part: items, pace, gold, the last answer."""

import pytest

from tests.webapp.annotated import (
    UNSURE,
    address,
    filled,
    give,
    key_for,
    override,
    person,
    queue_of,
    signed_in,
)
from tests.webapp.pages import text
from webapp import present
from webapp.annotation.models import Queue, QueueItem
from webapp.annotation.rows import time_left
from webapp.annotation.services import answers, deciding
from webapp.annotation.services.statistics import agreement

pytestmark = pytest.mark.django_db


@pytest.fixture
def items() -> list[QueueItem]:
    return list(queue_of(count=5, overlap=2).items.order_by("pk"))


def decided(item: QueueItem, value: float) -> None:
    lead = person("rea", "researcher")
    deciding.decide(item.reflection_id, lead, value, why="The map says so.", gold=True)


def after_submitting(item: QueueItem, value: str) -> str:
    """The page that follows the answer."""
    ann = signed_in(person("ann"))
    ann.post(address(item, "take/"))
    sent = ann.post(address(item, "submit/"), filled(item, value=value))
    return text(ann.get(sent["Location"]))


def test_after_a_gold_item_the_person_is_told_what_was_decided(items: list[QueueItem]) -> None:
    decided(items[0], -1.0)
    decided(items[1], 0.5)

    missed, hit = after_submitting(items[0], "0.5"), after_submitting(items[1], "0.5")

    assert "\N{MINUS SIGN}1.00</b> was decided, you said <b>+0.50" in missed
    assert "The map says so." in missed
    assert "Right: that was a gold item" in hit
    assert "gold item" not in after_submitting(items[2], "0.5")


def test_a_queue_can_keep_its_gold_to_itself(items: list[QueueItem]) -> None:
    decided(items[0], -1.0)
    Queue.objects.update(shows_gold=False)

    assert "gold item" not in after_submitting(items[0], "0.5")
    assert "Decided" not in text(signed_in(person("ann")).get(address(items[0])))


def test_only_the_first_answer_is_counted_against_gold(items: list[QueueItem]) -> None:
    decided(items[0], 1.0)
    decided(items[1], 1.0)
    ann, queue = person("ann"), items[0].queue
    give(items[0], ann, override(0.0))
    give(items[0], ann, override(1.0))  # after the decision was shown
    give(items[1], ann, override(1.0))

    (told,) = agreement(queue).people

    assert (told.gold_right, told.gold_items) == (1, 2)


def test_the_panel_lists_what_the_person_said_by_the_tasks_goal(items: list[QueueItem]) -> None:
    give(items[0], person("ann"), override(-0.5))
    give(items[1], person("ann"), UNSURE)
    give(items[2], person("ben"), override(1.0))

    page = text(signed_in(person("ann")).get(address(items[0])))

    panel = page[page.index('<ol class="mine">') : page.index("</ol>", page.index('"mine"'))]
    assert panel.count('<span class="what">Leave.</span>') == 2
    assert "\N{MINUS SIGN}0.50" in panel
    assert "unsure" in panel
    assert "+1.00" not in panel


def test_the_time_left_is_the_persons_own_median_for_each_item_that_waits(
    items: list[QueueItem],
) -> None:
    ann = person("ann")
    for item, seconds in zip(items, (10.0, 30.0, 500.0), strict=False):
        answers.submit(item.pk, ann, override(1.0), key_for(item, ann), seconds=seconds)
        seen = text(signed_in(ann).get(address(item)))

    assert "<b>3</b> done by you, <b>2</b> waiting, about 60 s at your pace" in seen


def test_the_work_left_is_told_by_the_clock_of_the_page_not_by_when_answers_came() -> None:
    queue = queue_of(count=6, overlap=1)
    for item in queue.items.all()[:3]:
        ann = person("ann")
        answers.submit(item.pk, ann, override(1.0), key_for(item, ann), seconds=40.0)

    assert time_left(queue, 3) == present.duration(120)
