"""A gold decision: nowhere told to those whom an open queue compares with it."""

import pytest

from tests.webapp.annotated import (
    effective,
    give,
    override,
    person,
    queue_of,
    reflections,
    signed_in,
)
from tests.webapp.api_program import Api
from tests.webapp.pages import text
from webapp.annotation.models import Queue, QueueItem
from webapp.annotation.services.deciding import decide
from webapp.episodes.models import Reflection
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.snapshots import freeze

pytestmark = pytest.mark.django_db
DECIDED = "+0.75"
MINUS = "\N{MINUS SIGN}"


def gold_item(**terms: bool) -> QueueItem:
    """Decided at +0.75 before anybody answers."""
    item = queue_of(count=1, overlap=2, **terms).items.get()
    Reflection.objects.update(prompt="What went wrong?")
    lead = person("lea", "researcher")
    decide(item.reflection_id, lead, 0.75, why="The map says so.", gold=True)
    return item


def telling(item: QueueItem, name: str, role: str = "annotator") -> list[str]:
    """The pages that tell the decision."""
    episode = item.reflection.episode_id
    pages = [
        f"/annotation/reflections/{item.reflection_id}/",
        f"/episodes/{episode}/",
        f"/episodes/{episode}/episode.md",
        f"/experiments/{item.reflection.experiment_id}/",
        "/reflections/",
        "/reflections/?sort=best",
        "/search/?q=blue&scope=reflections",
    ]
    client = signed_in(person(name, role))
    found = {path: text(client.get(path)) for path in pages}
    return [path for path, page in found.items() if DECIDED in page or "The map says so" in page]


@pytest.mark.parametrize("blind", [True, False])
def test_a_queue_that_keeps_its_gold_tells_it_to_its_leads_alone(blind: bool) -> None:
    item = gold_item(blind=blind, shows_gold=False)
    assert telling(item, "ben") == []
    assert telling(item, "vic", "viewer") == []
    assert len(telling(item, "rea", "researcher")) == 7

    give(item, person("ben"), override(-0.5))

    assert effective(item) == 0.75
    assert telling(item, "ben") == []
    Queue.objects.update(closed_at=item.queue.created_at)
    assert len(telling(item, "ben")) == 7


def test_where_it_is_told_after_ones_own_answer_it_is_not_told_before() -> None:
    item = gold_item(blind=False)
    assert telling(item, "ben") == []

    give(item, person("ben"), override(-0.5))

    assert len(telling(item, "ben")) == 7
    assert telling(item, "cho") == []


def test_pages_are_as_if_nothing_were_decided() -> None:
    item = gold_item(blind=False, shows_gold=False)
    reflections(1, rating=-0.25, name="windows")
    ben = signed_in(person("ben"))
    give(item, person("ben"), override(-0.5))

    history = text(ben.get(f"/annotation/reflections/{item.reflection_id}/"))
    worst = text(ben.get("/reflections/?sort=worst"))

    assert f'<span class="rating down">{MINUS}0.50</span></dd></div>' in history
    assert "The effective rating never changed." in history
    assert "It waits for your answer" not in history
    assert worst.index("wrong in doors-0") < worst.index("wrong in windows-0")
    assert "wrong in doors-0" in text(ben.get("/reflections/?rating=hurt"))


def test_neither_programs_nor_snapshots_tell_it() -> None:
    item = gold_item(blind=False, shows_gold=False)
    snapshot = freeze(BufferQuery(validation_share=0.0), name="rated")
    path = f"/experiments/{item.reflection.experiment_id}/ratings"
    ben, lead = signed_in(person("ben")), signed_in(person("rea", "researcher"))

    for role, rating in (("annotator", 0.0), ("researcher", 0.75)):
        assert Api(role).get(path).json()["items"][0]["effective_rating"] == rating
    assert DECIDED not in text(ben.get(f"/training/snapshots/{snapshot.pk}/"))
    assert DECIDED in text(lead.get(f"/training/snapshots/{snapshot.pk}/"))
    assert ben.get(f"/training/snapshots/{snapshot.pk}/items.jsonl").status_code == 403
