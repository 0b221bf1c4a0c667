"""People's answers and decisions on their way in: second copies, whole rows, grown histories."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User

from tests.webapp.annotated import give, override, person
from tests.webapp.played import played_experiment
from tests.workers.exchanging import (
    copy_of,
    exported,
    forget_everything,
    imported,
    rows_of,
    unpacked,
    written,
)
from webapp.annotation.models import Adjudication, Assignment, Queue, QueueItem, Response
from webapp.annotation.services import claims, making
from webapp.annotation.services.deciding import decide
from webapp.annotation.services.making import Selection, Terms, make_queue
from webapp.episodes.models import Reflection

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker")]
Row = dict[str, Any]


def key(number: int) -> str:
    return str(UUID(int=number))


def answer(number: int, name: str, value: float | None, replaces: int | None = None) -> Row:
    """An answer of a queue that was worked elsewhere; without a value it is withdrawn."""
    return {
        **{"key": key(number), "replaces": key(replaces) if replaces else None, "value": value},
        **{"queue": "elsewhere", "person": name, "entered_by": name, "at": "2026-01-02T03:04:05Z"},
        "kind": "withdrawn" if value is None else "override",
    }


def decision(value: float) -> Row:
    return {"value": value, "decided_by": "lea", "at": "2026-01-02T03:04:05Z"}


def ratings(task: str, responses: list[Row], decisions: list[Row] | None = None) -> Row:
    return {
        **{"experiment": "doors", "environment": "doors", "task_id": task, "trial": 1},
        **{"responses": responses, "decisions": decisions or []},
    }


def places() -> list[tuple[str, str, int, str]]:
    """Task, person, place and state, item by item."""
    rows = Assignment.objects.order_by("item__reflection__episode__task__key", "place")
    named = ("item__reflection__episode__task__key", "person__username", "place", "state")
    return list(rows.values_list(*named))


def effective(task: str) -> float | None:
    return Reflection.objects.get(episode__task__key=task).effective_rating


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_an_item_that_was_asked_again_comes_back_as_an_item_of_its_own(
    kind: str, tmp_path: Path
) -> None:
    chosen = Selection([played_experiment().pk], size=4, again_share=0.5)
    queue = make_queue(person("lea", ""), Terms("doors queue"), chosen, "")
    reflection = queue.items.filter(copy=1).order_by("pk")[0].reflection
    first, second = queue.items.filter(reflection=reflection).order_by("copy")
    give(first, person("ann", ""), override(0.5))
    give(second, person("ann", ""), override(0.25))
    decide(reflection.pk, person("lea", ""), 0.125, item=second)
    kept = copy_of(exported(kind), tmp_path)
    before = rows_of(unpacked(exported("jsonl"), tmp_path / "before"))
    forget_everything()

    transfer = imported(kept)

    assert transfer.status == "done", transfer.report
    assert rows_of(unpacked(exported("jsonl"), tmp_path / "after")) == before
    items = QueueItem.objects.order_by("copy").values_list("copy", "source", "responses__value")
    assert list(items) == [(0, "filter", 0.5), (1, "again", 0.25)]
    assert Adjudication.objects.get().item == QueueItem.objects.get(copy=1)


def test_an_answer_of_an_older_export_belongs_to_the_first_copy(tmp_path: Path) -> None:
    played_experiment()

    imported(written(tmp_path / "old.jsonl", [ratings("doors-1", [answer(1, "ann", 0.5)])]))

    assert QueueItem.objects.get().copy == 0


def test_a_row_that_is_refused_half_way_leaves_nothing_of_itself(tmp_path: Path) -> None:
    played_experiment()
    twice = [answer(1, "ann", 0.5), answer(2, "ann", 0.25)]  # neither replaces the other
    rows = [ratings("doors-1", twice), ratings("doors-2", [answer(3, "ann", 1.0)])]

    transfer = imported(written(tmp_path / "some.jsonl", rows), skip_bad=True)

    assert (transfer.status, transfer.bad_count) == ("done", 1)
    assert "has answered this item here otherwise" in transfer.report["bad"][0]["reason"]
    assert Response.objects.get().key == UUID(key(3))
    assert QueueItem.objects.get().reflection.episode.task.key == "doors-2"
    assert (effective("doors-1"), effective("doors-2")) == (0.75, 1.0)


def test_a_row_whose_decision_is_refused_brings_no_answer(tmp_path: Path) -> None:
    played_experiment()
    imported(written(tmp_path / "one.jsonl", [ratings("doors-1", [], [decision(0.25)])]))
    other = ratings("doors-1", [answer(1, "ann", 0.5)], [decision(0.5)])

    transfer = imported(written(tmp_path / "other.jsonl", [other]), skip_bad=True)

    assert transfer.report["bad"][0]["reason"] == "the reflection was decided otherwise here"
    assert not Response.objects.exists()
    assert not User.objects.filter(username="ann").exists()


def test_decisions_that_came_since_are_added_and_an_older_file_changes_nothing(
    tmp_path: Path,
) -> None:
    played_experiment()
    old = written(tmp_path / "old.jsonl", [ratings("doors-1", [], [decision(0.25)])])
    both = [decision(0.25), decision(0.5)]
    new = written(tmp_path / "new.jsonl", [ratings("doors-1", [], both)])
    imported(old)

    grown, again = imported(new), imported(old)

    assert (grown.report["new"]["ratings"], again.report["known"]["ratings"]) == (1, 1)
    first, second = Adjudication.objects.order_by("pk")
    assert (first.value, second.value, second.replaces) == (0.25, 0.5, first)
    assert effective("doors-1") == 0.5


def test_who_answered_elsewhere_has_a_place_in_the_imported_queue(tmp_path: Path) -> None:
    played_experiment()
    one = ratings("doors-1", [answer(1, "ann", 0.5), answer(2, "bob", 0.25)])
    two = ratings("doors-2", [answer(3, "ann", 0.5), answer(4, "ann", 1.0, replaces=3)])

    imported(written(tmp_path / "some.jsonl", [one, two]))

    assert places() == [
        *[("doors-1", "ann", 1, "done"), ("doors-1", "bob", 2, "done")],
        ("doors-2", "ann", 1, "done"),
    ]
    queue = Queue.objects.get()
    assert (queue.overlap, claims.progress([queue.pk])) == (2, {queue.pk: (3, 2)})
    making.reopen(queue.pk)
    ann, bob = User.objects.get(username="ann"), User.objects.get(username="bob")
    assert claims.next_item(queue, ann.pk) is None
    assert claims.next_item(queue, bob.pk) == QueueItem.objects.latest("pk")


def test_a_withdrawn_answer_makes_room_for_the_next_person(tmp_path: Path) -> None:
    played_experiment()
    answers = [answer(1, "ann", 0.5), answer(2, "bob", 0.25)]
    imported(written(tmp_path / "old.jsonl", [ratings("doors-1", answers)]))

    withdrawn = [*answers, answer(3, "bob", None, replaces=2)]
    imported(written(tmp_path / "new.jsonl", [ratings("doors-1", withdrawn)]))
    freed = places()
    newest = [*withdrawn, answer(4, "cleo", 1.0)]
    imported(written(tmp_path / "newest.jsonl", [ratings("doors-1", newest)]))

    assert freed == [("doors-1", "ann", 1, "done"), ("doors-1", "bob", 2, "skipped")]
    assert places() == [("doors-1", "ann", 1, "done"), ("doors-1", "cleo", 2, "done")]
    assert Queue.objects.get().overlap == 2


def test_a_queue_made_here_keeps_its_overlap(tmp_path: Path) -> None:
    chosen = Selection([played_experiment().pk])
    queue = make_queue(person("lea", ""), Terms("elsewhere"), chosen, "")
    item = queue.items.get(reflection__episode__task__key="doors-1")
    give(item, person("bob", ""), override(0.25))

    imported(written(tmp_path / "some.jsonl", [ratings("doors-1", [answer(1, "ann", 0.5)])]))

    assert places() == [("doors-1", "bob", 1, "done"), ("doors-1", "ann", 2, "done")]
    assert Queue.objects.get().overlap == 1
    assert claims.waiting_for(queue, User.objects.get(username="ann").pk) == 1  # the other item
