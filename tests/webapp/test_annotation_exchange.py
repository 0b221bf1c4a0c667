"""Answers out and in again, and in the JSON of other tools."""

import io
import json
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from tests.webapp.annotated import (
    effective,
    give,
    override,
    person,
    queue_of,
    signed_in,
)
from tests.webapp.pages import text
from webapp.annotation.models import (
    Queue,
    QueueItem,
    RatingEvent,
    Response,
)
from webapp.annotation.services import answers, taking_back
from webapp.annotation.services.columns import SCHEMA, rows_of_parquet
from webapp.annotation.services.formats import argilla_records, label_studio_tasks
from webapp.annotation.services.making import Selection, Terms, make_queue

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


def test_importing_an_export_again_changes_nothing(queue: Queue) -> None:
    first, second = queue.items.order_by("pk")
    give(first, person("ann"), override(0.5))
    give(first, person("ann"), override(1.0))
    taking_back.withdraw(
        give(second, person("ann"), override(-1.0)), person("ann"), RatingEvent.Cause.WITHDRAWAL
    )
    lead = signed_in(person("lea", "researcher"))
    path = f"/annotation/queues/{queue.pk}/"
    exported = b"".join(lead.get(f"{path}responses.jsonl").streaming_content)

    again = _upload(lead, f"{path}import/", exported)

    assert "4 were here already" in text(lead.get(again["Location"]))
    lines = [json.loads(line) for line in exported.splitlines()]
    assert [line["kind"] for line in lines] == ["override", "override", "override", "withdrawn"]


@pytest.mark.parametrize(
    "odd",
    [
        '"at": "2026-13-01T00:00:00Z"',
        '"at": "2999-01-01T00:00:00Z"',
        f'"value": {"9" * 400}',
        '"note": "\\ud800"',
        '"kind": "withdrawn", "value": null',
    ],
)
def test_an_odd_line_is_named_and_nothing_is_stored(queue: Queue, odd: str) -> None:
    item = queue.items.order_by("pk")[0]
    line = {
        **{"key": "5f0c1d9e-0000-4000-8000-000000000001", "replaces": None, "trial": 1},
        **{"experiment": "doors", "task": item.reflection.episode.task.key, "rubric": {}},
        **{"person": person("ann").username, "at": "2026-01-02T03:04:05+00:00"},
        **{"kind": "override", "value": 1.0, "automatic_rating": 0.0, "reasons": ["lucky"]},
    }
    lead = signed_in(person("lea", "researcher"))
    path = f"/annotation/queues/{queue.pk}/import/"

    told = _upload(lead, path, f"{json.dumps(line)[:-1]}, {odd}}}".encode())

    assert "line 1" in text(told)
    assert not Response.objects.exists()


def test_answers_of_another_queue_are_imported_once_and_settle_the_rating(queue: Queue) -> None:
    item = queue.items.order_by("pk")[0]
    line = {
        "key": "5f0c1d9e-0000-4000-8000-000000000001",
        "replaces": None,
        "experiment": "doors",
        "task": item.reflection.episode.task.key,
        "trial": 1,
        "person": person("ann").username,
        "at": "2026-01-02T03:04:05+00:00",
        "kind": "override",
        "value": 1.0,
        "automatic_rating": 0.0,
        "confidence": 2,
        "rubric": {"new": "no"},
        "reasons": ["lucky"],
        "note": "Imported.",
    }
    lead = signed_in(person("lea", "researcher"))
    path = f"/annotation/queues/{queue.pk}/import/"

    _upload(lead, path, json.dumps(line).encode())

    response = Response.objects.get()
    assert (response.created_at.year, response.reasons) == (2026, ["lucky"])
    assert effective(item) == 1.0
    assert RatingEvent.objects.get().response == response  # so that it can be reverted

    bad = _upload(lead, path, json.dumps(line | {"key": "x"}).encode() + b"\n[1]\nnot json")
    assert bad.status_code == 422
    assert "line 3: not JSON" in text(bad)

    unknown = line | {"person": "nobody", "key": "5f0c1d9e-0000-4000-8000-000000000002"}
    assert "nobody is called" in text(_upload(lead, path, json.dumps(unknown).encode()))
    assert Response.objects.count() == 1


def _upload(client: Client, path: str, content: bytes) -> HttpResponse:
    return client.post(path, {"file": SimpleUploadedFile("answers.jsonl", content)})


def test_label_studio_is_told_of_people_in_words_and_by_address_only_where_there_is_one(
    queue: Queue,
) -> None:
    ann, ben = person("ann"), person("ben")
    ben.email = "ben@example.org"
    ben.save()
    item = queue.items.order_by("pk")[0]
    give(item, ann, override(0.5))
    give(item, ben, override(1.0))

    first, second = label_studio_tasks(queue)[0]["annotations"]

    assert "completed_by" not in first  # it refuses a file with an address that it does not know
    assert second["completed_by"] == {"email": "ben@example.org"}
    names = [one["value"] for one in first["result"] if one["from_name"] == "annotator"]
    assert names == [{"text": ["ann"]}]
    assert len({one["id"] for one in first["result"]}) == len(first["result"])


def test_an_item_that_is_asked_again_is_a_record_of_its_own(queue: Queue) -> None:
    item = queue.items.order_by("pk")[0]
    QueueItem.objects.create(queue=queue, reflection=item.reflection, copy=1, source="again")

    ids = [record["id"] for record in argilla_records(queue)]

    assert len(set(ids)) == len(ids) == 3


def test_other_tools_get_their_own_json(queue: Queue) -> None:
    item = queue.items.order_by("pk")[0]
    give(item, person("ann"), override(0.5))
    lead = signed_in(person("lea", "researcher"))

    record = lead.get(f"/annotation/queues/{queue.pk}/argilla.json").json()[0]
    task = lead.get(f"/annotation/queues/{queue.pk}/label-studio.json").json()[0]

    assert record["responses"]["rating"][0]["value"] == "0.5"
    assert record["suggestions"]["rating"]["value"] == "0"
    assert record["fields"]["trajectory"].startswith("> look")
    numbers = [one for one in task["annotations"][0]["result"] if one["type"] == "number"]
    assert numbers[0]["value"] == {"number": 0.5}
    assert task["predictions"][0]["result"][0]["value"] == {"number": 0.0}


def test_a_parquet_export_holds_the_same_history_and_is_imported_again(queue: Queue) -> None:
    item = queue.items.order_by("pk")[0]
    give(item, person("ann"), override(0.5))
    give(item, person("ann"), override(1.0))
    lead = signed_in(person("lea", "researcher"))
    path = f"/annotation/queues/{queue.pk}/"
    content = lead.get(f"{path}responses.parquet").content

    again = _upload(lead, f"{path}import/", content)

    assert "2 were here already" in text(lead.get(again["Location"]))
    first, second = rows_of_parquet(content)
    assert (first["value"], first["rubric"], first["reasons"]) == (
        0.5,
        {"root_cause": "yes"},
        ["ignored"],
    )
    assert second["replaces"] == first["key"]


def test_answers_come_back_from_parquet_whole(queue: Queue) -> None:
    item = queue.items.order_by("pk")[0]
    give(item, person("ann"), override(0.5))
    lead = signed_in(person("lea", "researcher"))
    content = lead.get(f"/annotation/queues/{queue.pk}/responses.parquet").content
    selection = Selection([item.reflection.experiment_id], size=2)
    other = make_queue(person("lea"), Terms("other"), selection, "")
    row = dict(next(iter(rows_of_parquet(content)))) | {"key": str(uuid4())}
    table = pa.Table.from_pylist([row | {"rubric": "{}", "spans": "[]"}], schema=SCHEMA)
    file = io.BytesIO()
    pq.write_table(table, file)

    _upload(lead, f"/annotation/queues/{other.pk}/import/", file.getvalue())

    stored = Response.objects.get(item__queue=other)
    assert (stored.person.username, stored.value, stored.note) == ("ann", 0.5, "said so")


def test_the_answer_before_the_next_episode_was_shown_comes_back_too(queue: Queue) -> None:
    item = queue.items.order_by("pk")[0]
    answers.save_draft(item.pk, person("ann").pk, 0, {"kind": "override", "value": "-1"})
    give(item, person("ann"), override(0.5))
    lead = signed_in(person("lea", "researcher"))
    exported = lead.get(f"/annotation/queues/{queue.pk}/responses.jsonl")
    line = json.loads(b"".join(exported.streaming_content)) | {"key": str(uuid4())}
    selection = Selection([item.reflection.experiment_id], size=2)
    other = make_queue(person("lea"), Terms("other"), selection, "")
    path = f"/annotation/queues/{other.pk}/import/"

    refused = _upload(lead, path, json.dumps(line | {"first_kind": "nonsense"}).encode())
    _upload(lead, path, json.dumps(line).encode())

    assert "`first_kind` must be" in text(refused)
    stored = Response.objects.get(item__queue=other)
    assert (stored.first_kind, stored.first_value, stored.value) == ("override", -1.0, 0.5)


def test_a_torn_parquet_file_is_refused_in_words(queue: Queue) -> None:
    lead = signed_in(person("lea", "researcher"))

    refused = _upload(lead, f"/annotation/queues/{queue.pk}/import/", b"PAR1 and then nothing")

    assert refused.status_code == 422
    assert "no parquet file that can be read" in text(refused)
