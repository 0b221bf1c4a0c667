"""Every annotation page: whole, its partial, the stranger, the wrong role, the wrong method."""

import pytest
from django.test import Client

from tests.webapp.annotated import (
    HUGE,
    address,
    fill,
    filled,
    person,
    queue_of,
    signed_in,
)
from tests.webapp.pages import text
from webapp.annotation.models import (
    Queue,
    QueueItem,
)
from webapp.annotation.services import claims

pytestmark = pytest.mark.django_db
READS = {
    "/annotation/": ("viewer", "queues"),
    "/annotation/queues/new/": ("researcher", ""),
    "/annotation/queues/{queue}/": ("viewer", "progress"),
    "/annotation/queues/{queue}/guidelines/1/": ("viewer", ""),
    "/annotation/queues/{queue}/items/{item}/": ("annotator", "outcome"),
    "/annotation/queues/{queue}/bulk/": ("annotator", ""),
    "/annotation/queues/{queue}/agreement/": ("viewer", "agreement"),
    "/annotation/queues/{queue}/disputes/": ("researcher", "disputes"),
    "/annotation/queues/{queue}/items/{item}/decide/": ("researcher", ""),
    "/annotation/queues/{queue}/import/": ("researcher", ""),
    "/annotation/queues/{queue}/responses.jsonl": ("researcher", ""),
    "/annotation/queues/{queue}/argilla.json": ("researcher", ""),
    "/annotation/queues/{queue}/label-studio.json": ("researcher", ""),
    "/annotation/reflections/{reflection}/": ("viewer", "events"),
    "/annotation/audit/": ("administrator", "events"),
}
WRITES = {
    "/annotation/queues/{queue}/next/": "annotator",
    "/annotation/queues/{queue}/change/": "researcher",
    "/annotation/queues/{queue}/guidelines/": "researcher",
    "/annotation/queues/{queue}/close/": "researcher",
    "/annotation/queues/{queue}/bulk/answer/": "annotator",
    "/annotation/queues/{queue}/items/{item}/take/": "annotator",
    "/annotation/queues/{queue}/items/{item}/skip/": "annotator",
    "/annotation/queues/{queue}/items/{item}/draft/": "annotator",
    "/annotation/queues/{queue}/items/{item}/beat/": "annotator",
    "/annotation/queues/{queue}/items/{item}/submit/": "annotator",
    "/annotation/reflections/{reflection}/withdraw/": "researcher",
    "/annotation/discussions/reflection/{reflection}/add/": "annotator",
    "/annotation/audit/revert/": "administrator",
    "/annotation/rule/": "administrator",
}
BELOW = {"viewer": "", "annotator": "viewer", "researcher": "annotator"}
BELOW["administrator"] = "researcher"


@pytest.fixture
def queue() -> Queue:
    return queue_of(count=2, overlap=2)


@pytest.fixture
def item(queue: Queue) -> QueueItem:
    return queue.items.order_by("pk")[0]


@pytest.fixture
def ann() -> Client:
    return signed_in(person("ann"))


@pytest.mark.parametrize("path", READS)
def test_a_page_is_for_its_role_and_those_above(path: str, item: QueueItem) -> None:
    role, partial = READS[path]
    path = fill(path, item)
    client = signed_in(person("right", role))

    assert client.get(path).status_code == 200
    assert Client().get(path)["Location"].startswith("/sign-in/")
    assert signed_in(person("wrong", BELOW[role])).get(path).status_code == 403
    assert client.delete(path).status_code == 405
    if partial:
        headers = {"HX-Request": "true", "HX-Target": partial}
        part = client.get(path, headers=headers)
        assert part.status_code == 200
        assert "<html" not in text(part)


@pytest.mark.parametrize("path", WRITES)
def test_a_write_is_for_its_role_and_by_post(path: str, item: QueueItem) -> None:
    role = WRITES[path]
    path = fill(path, item)

    assert signed_in(person("right", role)).get(path).status_code in (404, 405)
    assert Client().post(path)["Location"].startswith("/sign-in/")
    assert signed_in(person("wrong", BELOW[role])).post(path).status_code == 403
    assert signed_in(person("right", role)).post(path).status_code < 500


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "nonsense"},
        {"kind": "withdrawn"},
        {"value": "nan"},
        {"value": "1e999"},
        {"value": "9" * 500},
        {"key": "x"},
        {"key": ""},
        {"confidence": "9"},
        {"reasons": ["bribed"]},
        {"rubric_new": "maybe"},
        {"spans": "{"},
        {"spans": "[1]"},
        {"spans": '[{"start": 5, "end": 2, "label": "good"}]'},
        {"spans": '[{"start": 0, "end": 99999, "label": "good"}]'},
        {"spans": '[{"start": 0, "end": 2, "label": []}]'},
        {"spans": "[" * 100_000},
        {"spans": f"[{'1' * 5000}]"},
        {"note": "x" * 5000},
        {"note": "a\0b"},
        {"seconds": "-1"},
        {"version": HUGE},
    ],
)
def test_nonsense_is_refused_and_never_stored(
    ann: Client, item: QueueItem, fields: dict[str, object]
) -> None:
    ann.post(address(item, "take/"))

    submitted = ann.post(address(item, "submit/"), filled(item, **fields))
    drafted = ann.post(address(item, "draft/"), filled(item, version="0") | fields)

    assert submitted.status_code == 422 or fields == {"version": HUGE}
    assert drafted.status_code in (302, 422)


@pytest.mark.parametrize("path", [path for path in [*READS, *WRITES] if "{" in path])
def test_a_row_that_cannot_exist_is_not_found(path: str) -> None:
    boss = signed_in(person("boss", "administrator"))
    method = boss.get if path in READS else boss.post

    assert method(path.format(queue=HUGE, item=HUGE, reflection=HUGE)).status_code == 404


def test_the_pages_of_a_queue_take_few_queries(
    queue: Queue, django_assert_max_num_queries: object
) -> None:
    person_ann = person("ann")
    ann = signed_in(person_ann)
    item = claims.next_item(queue, person_ann.pk)
    assert item is not None

    with django_assert_max_num_queries(28):
        ann.get(address(item))
    with django_assert_max_num_queries(46):
        ann.post(address(item, "submit/"), filled(item))


def test_a_bulk_answer_does_not_tell_what_the_queue_hides() -> None:
    hiding = queue_of(count=10, overlap=1, rating=0.25, shows_automatic=False)
    client = signed_in(person("ann"))
    path = f"/annotation/queues/{hiding.pk}/bulk/"
    chosen = {"item": list(hiding.items.values_list("pk", flat=True)), "note": ""}

    assert "+0.25" not in text(client.get(path))
    refused = client.post(f"{path}answer/", chosen | {"kind": "accept"})
    preview = client.post(f"{path}answer/", chosen | {"kind": "override", "value": "1"})

    assert refused.status_code == 422
    assert "+0.25" not in text(refused) + text(preview)
    assert "Apply to 10 items" in text(preview)
