"""What an annotator sees and does: hidden outcomes, drafts, submit, undo."""

import pytest
from django.test import Client

from tests.webapp.annotated import (
    address,
    effective,
    filled,
    give,
    override,
    person,
    queue_of,
    signed_in,
)
from tests.webapp.pages import text
from webapp.annotation.models import (
    Draft,
    Queue,
    QueueItem,
    Response,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue() -> Queue:
    return queue_of(count=2, overlap=2)


@pytest.fixture
def item(queue: Queue) -> QueueItem:
    return queue.items.order_by("pk")[0]


@pytest.fixture
def ann() -> Client:
    return signed_in(person("ann"))


def test_the_next_episode_is_hidden_until_the_first_answer(ann: Client, item: QueueItem) -> None:
    ann.post(address(item, "take/"))
    before = text(ann.get(address(item)))

    ann.post(address(item, "draft/"), {"kind": "unsure", "version": 0, "spans": "[]"})
    after = text(ann.get(address(item)))

    assert "open blue" not in before
    assert "Hidden until your first answer" in before
    assert "open blue" in after


def test_a_hidden_automatic_rating_shows_only_after_the_first_answer(ann: Client) -> None:
    queue = queue_of(count=1, rating=0.75, shows_automatic=False)
    item = queue.items.get()
    ann.post(address(item, "take/"))
    before = text(ann.get(address(item)))

    ann.post(address(item, "draft/"), {"kind": "unsure", "version": 0, "spans": "[]"})

    assert "+0.75" not in before
    assert "+0.75" not in text(ann.get(f"/annotation/queues/{queue.pk}/"))
    assert "+0.75" in text(ann.get(address(item)))


def test_a_stale_tab_is_told_and_overwrites_nothing(ann: Client, item: QueueItem) -> None:
    ann.post(address(item, "take/"))
    wants = {"headers": {"Accept": "application/json"}}
    ann.post(address(item, "draft/"), {"note": "newer", "version": 0}, **wants)

    stale = ann.post(address(item, "draft/"), {"note": "stale", "version": 0}, **wants)

    assert (stale.status_code, stale.json()) == (409, {"version": 1, "submitted": False})
    assert Draft.objects.get().body["note"] == "newer"


def test_submitting_in_a_stale_tab_tells_of_the_newer_draft_first(
    ann: Client, item: QueueItem
) -> None:
    ann.post(address(item, "take/"))
    ann.post(address(item, "draft/"), {"note": "newer", "version": 0, "tab": "one"})
    stale = filled(item) | {"version": 0, "tab": "two"}

    refused = ann.post(address(item, "submit/"), stale)

    assert refused.status_code == 409
    assert "Another tab saved a newer draft" in text(refused)
    assert Draft.objects.get().body["note"] == "newer"

    again = ann.post(address(item, "submit/"), stale | {"version": 1})

    assert again.status_code == 302
    assert Response.objects.get().note == ""


def test_a_tab_whose_save_arrived_unheard_is_not_stale(ann: Client, item: QueueItem) -> None:
    ann.post(address(item, "take/"))
    typed = {"version": 0, "tab": "one"}
    wants = {"headers": {"Accept": "application/json"}}
    ann.post(address(item, "draft/"), typed | {"note": "first"}, **wants)

    later = ann.post(address(item, "draft/"), typed | {"note": "second"}, **wants)

    assert later.json()["version"] == 2
    assert Draft.objects.get().body["note"] == "second"
    assert ann.post(address(item, "submit/"), filled(item) | typed).status_code == 302


def test_an_override_without_its_value_shows_no_next_episode(ann: Client, item: QueueItem) -> None:
    ann.post(address(item, "take/"))
    chosen = {"kind": "override", "spans": "[]"}
    ann.post(address(item, "draft/"), chosen | {"value": "", "version": 0})
    before = text(ann.get(address(item)))

    ann.post(address(item, "draft/"), chosen | {"value": "-0.5", "version": 1})

    assert "open blue" not in before
    assert "open blue" in text(ann.get(address(item)))
    assert Draft.objects.get().first_value == -0.5


def test_submitting_leads_to_the_next_item_and_undo_leads_back(
    ann: Client, item: QueueItem
) -> None:
    ann.post(address(item, "take/"))

    done = ann.post(address(item, "submit/"), filled(item))
    response = Response.objects.get()
    page = ann.get(done["Location"])
    back = ann.post(f"/annotation/responses/{response.pk}/undo/")

    assert "/items/" in done["Location"]
    assert "Undo" in text(page)
    assert back["Location"] == address(item)
    assert effective(item) == 0.0
    assert 'value="0.5"' in text(ann.get(back["Location"]))


def test_nobody_undoes_the_answer_of_another(item: QueueItem) -> None:
    response = give(item, person("ben"), override(0.5))

    other = signed_in(person("ann"))

    assert other.post(f"/annotation/responses/{response.pk}/undo/").status_code == 404
    assert effective(item) == 0.5


def test_a_refused_form_is_shown_again_as_it_was(ann: Client, item: QueueItem) -> None:
    ann.post(address(item, "take/"))

    refused = ann.post(address(item, "submit/"), filled(item, value="", note="my words"))

    assert refused.status_code == 422
    assert "Give the value that is right." in text(refused)
    assert "my words" in text(refused)
    assert not Response.objects.exists()


def test_peers_are_hidden_until_ones_own_answer_is_submitted(ann: Client, item: QueueItem) -> None:
    give(item, person("ben"), override(-1.0))
    ann.post(address(item, "take/"))
    before = text(ann.get(address(item)))

    ann.post(address(item, "submit/"), filled(item))

    assert "Answers of others" not in before
    assert "Answers of others" in text(ann.get(address(item)))


def test_the_history_keeps_a_blind_queue_blind(ann: Client, item: QueueItem) -> None:
    give(item, person("ben"), override(-1.0))
    path = f"/annotation/reflections/{item.reflection_id}/"

    before, lead = ann.get(path), signed_in(person("lea", "researcher")).get(path)

    assert "ben" not in text(before)
    assert "ben" in text(lead)


def test_a_queue_with_named_people_is_no_ones_else(ann: Client, queue: Queue) -> None:
    queue.people.add(person("ben"))

    assert ann.post(f"/annotation/queues/{queue.pk}/next/").status_code == 404
    item = queue.items.order_by("pk")[0]
    assert ann.get(address(item)).status_code == 404


def test_a_full_item_offers_no_place(ann: Client) -> None:
    item = queue_of(count=1, overlap=1).items.get()
    assert "Take this item" in text(ann.get(address(item)))

    give(item, person("ben"), override(0.5))

    page = text(ann.get(address(item)))
    assert "It has all the answers that it needs." in page
    assert "Take this item" not in page


def test_a_closed_queue_takes_no_answer_and_keeps_the_draft(ann: Client, item: QueueItem) -> None:
    ann.post(address(item, "take/"))
    ann.post(address(item, "draft/"), {"note": "kept", "version": 0})
    signed_in(person("lea", "researcher")).post(f"/annotation/queues/{item.queue_id}/close/")

    refused = ann.post(address(item, "submit/"), filled(item))

    assert refused.status_code == 409
    assert "kept" in text(refused)
    assert Draft.objects.get().body["note"] == "kept"
