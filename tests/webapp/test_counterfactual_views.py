"""Counterfactual ratings on their pages: pair by pair, asked for, hidden where a queue is blind."""

import pytest
from django.test import Client

from tests.webapp.annotated import (
    HUGE,
    person,
    queue_of,
    reflections,
    signed_in,
)
from tests.webapp.measured import replayed, scored
from tests.webapp.pages import text
from webapp.annotation.models import (
    Counterfactual,
    Queue,
)
from webapp.annotation.services import counterfactual
from webapp.annotation.services.making import Selection, sample
from webapp.annotation.views import counterfactuals
from webapp.episodes.models import Reflection
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.snapshots import freeze

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead() -> Client:
    return signed_in(person("lea", "researcher"))


# ---------- counterfactual ratings ----------
def test_the_replays_are_shown_pair_by_pair_beside_the_automatic_rating(lead: Client) -> None:
    row = replayed(reflections(1)[0], [1.0, 0.0])

    page = text(lead.get(f"/annotation/counterfactuals/{row.reflection_id}/"))

    assert ">+0.50<" in page
    assert "\N{MINUS SIGN}0.25 to +1.25" in page
    assert page.count("open blue") == 4
    assert ">+0.50<" in text(lead.get("/annotation/counterfactuals/"))
    assert "Counterfactual</dt>" in text(lead.get(f"/annotation/reflections/{row.reflection_id}/"))


def test_a_researcher_asks_for_one_and_for_a_whole_queue(lead: Client) -> None:
    queue = queue_of(count=3)
    one = queue.items.order_by("pk")[0].reflection_id
    path = f"/annotation/counterfactuals/{one}/ask/"

    lead.post(path, {"pairs": "2", "temperature": "0.5"})
    answered = lead.post(
        f"/annotation/queues/{queue.pk}/counterfactual/", {"pairs": "2", "temperature": "0.5"}
    )

    assert Counterfactual.objects.count() == 3
    assert set(Counterfactual.objects.values_list("status", flat=True)) == {"queued"}
    assert "2 asked for; 1 rated or under way already." in text(lead.get(answered["Location"]))


@pytest.mark.parametrize("sent", [{}, {"pairs": "1", "temperature": "0"}, {"pairs": HUGE}])
def test_a_bad_request_for_replays_queues_nothing(lead: Client, sent: dict[str, str]) -> None:
    one = reflections(1)[0]

    assert lead.post(f"/annotation/counterfactuals/{one.pk}/ask/", sent).status_code == 302
    assert lead.post("/annotation/counterfactuals/999/ask/", sent).status_code == 404
    assert Counterfactual.objects.count() == 0


def test_replays_do_not_tell_an_annotator_what_a_blind_queue_hides() -> None:
    item = queue_of(count=1).items.get()
    replayed(item.reflection, [1.0, 1.0])
    ann = signed_in(person("ann"))

    assert "+1.00" not in text(ann.get(f"/annotation/counterfactuals/{item.reflection_id}/"))
    assert "+1.00" not in text(ann.get("/annotation/counterfactuals/"))


def test_a_page_of_hidden_replays_does_not_end_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counterfactuals, "PAGE_SIZE", 2)
    for row in reflections(3, name="windows"):
        replayed(row, [1.0, 1.0])
    queue = queue_of(count=3)  # newer, and hidden until they are answered
    for item in queue.items.all():
        replayed(item.reflection, [0.5, 0.5])
    ann, lead = signed_in(person("ann")), signed_in(person("lea"))

    first = ann.get("/annotation/counterfactuals/")
    second = ann.get(f"/annotation/counterfactuals/{first.context['page'].older}")

    assert text(first).count("wrong in windows") == 2
    assert text(second).count("wrong in windows") == 1
    assert "wrong in doors" not in text(first) + text(second)
    assert text(lead.get("/annotation/counterfactuals/")).count("wrong in doors") == 2


def test_a_snapshot_takes_the_counterfactual_rating_of_those_that_have_one() -> None:
    rows = reflections(3)
    Reflection.objects.update(prompt="What went wrong?")
    replayed(rows[1], [1.0, 0.0])

    snapshot = freeze(BufferQuery(rating_source="counterfactual"), name="replayed")

    assert list(snapshot.items.values_list("reflection", "rating")) == [(rows[1].pk, 0.5)]


def test_the_list_of_replays_asks_the_database_no_more_for_more_rows(
    lead: Client, django_assert_max_num_queries: object
) -> None:
    for row in reflections(12):
        replayed(row, [1.0, 0.0])

    with django_assert_max_num_queries(9):  # type: ignore[operator]
        lead.get("/annotation/counterfactuals/")


def test_replays_that_disagree_most_are_a_source() -> None:
    rows = reflections(3)
    replayed(rows[0], [0.25, 0.0])
    replayed(rows[2], [1.0, 0.0])

    assert sample(Selection([], size=1, replayed_share=1.0), 0) == {rows[2].pk: "replayed"}


def test_what_was_not_replayed_is_asked_for_first(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = queue_of(count=3)
    first, second, third = Reflection.objects.order_by("pk")
    replayed(first, [1.0, 0.0])
    monkeypatch.setattr(counterfactual, "MOST_ASKED", 2)

    assert counterfactual.not_replayed_first(queue) == [second.pk, third.pk]


def test_the_form_takes_the_new_shares_and_wants_the_model_that_is_meant(lead: Client) -> None:
    adapter = scored(reflections(4), [0.1, -4.0, 3.0, 1.0])
    fields = {"name": "n", "overlap": 1, "priority": 0, "rating": "any", "size": 4, "seed": 0}
    fields |= {"zero_share": 0, "disputed_share": 0, "control_share": 0, "model_share": 50}

    refused = lead.post("/annotation/queues/new/", fields)
    lead.post("/annotation/queues/new/", fields | {"scored_by": adapter.pk, "again_share": 25})

    assert refused.status_code == 422
    queue = Queue.objects.get()
    assert queue.scored_by == adapter
    assert list(queue.items.order_by("pk").values_list("source", flat=True)) == [
        *("model", "model", "filter", "again")
    ]
