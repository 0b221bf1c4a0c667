"""Decisions taken away by those who may make them."""

import pytest
from django.test import Client

from tests.webapp.annotated import address, effective, give, override, person, queue_of, signed_in
from tests.webapp.pages import text
from webapp.annotation.models import Adjudication, QueueItem, RatingEvent

pytestmark = pytest.mark.django_db
BUTTON = "Withdraw the decision"


@pytest.fixture
def item() -> QueueItem:
    return queue_of(count=1, overlap=2).items.get()


@pytest.fixture
def lead() -> Client:
    return signed_in(person("lea", "researcher"))


def pages(item: QueueItem) -> list[str]:
    return [address(item, "decide/"), f"/annotation/reflections/{item.reflection_id}/"]


def withdrawal(item: QueueItem) -> str:
    return f"/annotation/reflections/{item.reflection_id}/withdraw/"


def decided(lead: Client, item: QueueItem, value: str) -> None:
    lead.post(address(item, "decide/"), {"value": value, "why": "So.", "gold": "on"})


@pytest.mark.parametrize(("answer", "then"), [(0.5, 0.5), (None, 0.0)])
def test_a_corrected_decision_is_withdrawn_to_the_answers_or_the_automatic_rating(
    item: QueueItem, lead: Client, answer: float | None, then: float
) -> None:
    if answer is not None:
        give(item, person("ann"), override(answer))
    decided(lead, item, "1")
    decided(lead, item, "-1")
    assert all(BUTTON in text(lead.get(path)) for path in pages(item))

    lead.post(withdrawal(item), {"why": "The map was wrong."})

    last = RatingEvent.objects.latest("pk")
    assert effective(item) == then
    assert (last.before, last.after, last.why) == (-1.0, then, "The map was wrong.")
    assert last.person == person("lea")
    assert not Adjudication.objects.current().exists()
    assert not any(BUTTON in text(lead.get(path)) for path in pages(item))
    decided(lead, item, "0.25")  # it can be decided anew
    assert effective(item) == 0.25


def test_a_withdrawal_wants_a_reason_and_a_decision(item: QueueItem, lead: Client) -> None:
    path = withdrawal(item)
    decided(lead, item, "1")

    assert "say why" in text(lead.post(path, {"why": " "}, follow=True))
    assert effective(item) == 1.0
    lead.post(path, {"why": "Hasty."})
    assert "no decision in force" in text(lead.post(path, {"why": "Twice."}, follow=True))

    assert Adjudication.objects.count() == 2


def test_whoever_may_not_decide_is_offered_no_withdrawal(item: QueueItem, lead: Client) -> None:
    give(item, person("ann"), override(1.0))
    lead.post(address(item, "decide/"), {"value": "0.25", "why": "So."})
    page = text(signed_in(person("ann")).get(pages(item)[1]))

    assert "Decided by lea" in page
    assert BUTTON not in page
