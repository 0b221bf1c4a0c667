"""The pages of imports and exports: who may, what they ask for, what they hand out."""

import html
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from tests.webapp.pages import text
from tests.webapp.played import client_of, played_experiment
from webapp.exchange.checking import problem
from webapp.exchange.models import Transfer
from webapp.exchange.reading import row_sources

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("broker")]
LIST, IMPORT, EXPORT = "/data/", "/data/import/", "/data/export/"


@pytest.fixture
def researcher() -> Client:
    return client_of("researcher")


def upload(client: Client, content: bytes, name: str = "log.jsonl", **more: str) -> HttpResponse:
    file = SimpleUploadedFile(name, content)
    return client.post(IMPORT, {"file": file, "kind": "auto", **more})


def done(**columns: object) -> Transfer:
    defaults = {"direction": "export", "title": "Doors", "status": "done"}
    return Transfer.objects.create(**defaults | columns)


def test_an_upload_is_kept_whole_and_becomes_a_job(researcher: Client) -> None:
    response = upload(researcher, b'{"a": 1}\n')

    transfer = Transfer.objects.get()
    assert response["Location"] == f"/data/{transfer.pk}/"
    assert (transfer.status, transfer.request["file"]) == ("queued", "log.jsonl")
    assert (transfer.folder / "upload" / "log.jsonl").read_bytes() == b'{"a": 1}\n'


def test_the_row_that_the_page_shows_can_be_imported(researcher: Client, tmp_path: Path) -> None:
    shown = re.search(r"<pre[^>]*>(.+?)</pre>", text(researcher.get(IMPORT)))
    log = tmp_path / "log.jsonl"
    log.write_text(html.unescape(shown[1]), encoding="utf-8")

    rows = [row for source in row_sources(log, tmp_path) for row in source.rows()]

    assert [(row.table.name, problem(row)) for row in rows] == [("episodes", "")]


def test_files_of_a_deleted_database_are_not_taken_for_those_of_a_new_import(
    researcher: Client,
) -> None:
    next_pk = done().pk + 1
    old = Transfer(pk=next_pk).folder
    (old / "upload").mkdir(parents=True)
    (old / "upload" / "log.jsonl").write_bytes(b"old")
    (old / "dataset.zip").write_bytes(b"PK")

    assert upload(researcher, b"new").status_code == 302

    transfer = Transfer.objects.get(pk=next_pk)
    files = {path.name: path.read_bytes() for path in transfer.folder.rglob("*.*")}
    assert files == {"log.jsonl": b"new"}


def test_an_import_hands_out_no_dataset(researcher: Client) -> None:
    transfer = done(direction="import")
    transfer.folder.mkdir(parents=True, exist_ok=True)
    (transfer.folder / "dataset.zip").write_bytes(b"PK")

    assert researcher.get(f"/data/{transfer.pk}/dataset.zip").status_code == 404
    assert "dataset.zip" not in text(researcher.get(f"/data/{transfer.pk}/"))


def test_an_upload_with_a_very_long_or_strange_name_does_no_harm(researcher: Client) -> None:
    assert upload(researcher, b"{}", name="x" * 250 + ".jsonl").status_code == 302
    assert upload(researcher, b"{}", name="題" * 90 + ".jsonl").status_code == 302
    assert upload(researcher, b"{}", name="../../strange.jsonl").status_code == 302
    folders = {path.parent.name for path in Transfer.objects.first().folder.rglob("*.jsonl")}
    assert folders == {"upload"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "one of the two"),
        ({"server_path": "../../etc/passwd"}, "Only files below"),
        ({"server_path": "missing.json"}, "holds no"),
        ({"server_path": "a\x00b"}, "Null characters"),
        ({"kind": "magic"}, "not one of the available choices"),
    ],
)
def test_a_wrong_import_is_refused_in_words(
    researcher: Client, fields: dict[str, str], words: str
) -> None:
    response = researcher.post(IMPORT, {"kind": "auto", **fields})

    assert response.status_code == 422
    assert words in text(response)
    assert not Transfer.objects.exists()


def test_a_split_that_the_world_does_not_have_is_refused(researcher: Client) -> None:
    response = upload(researcher, b"[]", name="dev.json", kind="hotpotqa", split="moon")

    assert response.status_code == 422
    assert "The splits are" in text(response)


def test_a_file_on_the_server_is_named_by_its_path(researcher: Client) -> None:
    settings.IMPORT_DIR.mkdir(parents=True, exist_ok=True)
    (settings.IMPORT_DIR / "log.jsonl").write_text("{}")

    response = researcher.post(IMPORT, {"kind": "auto", "server_path": "log.jsonl"})

    assert response.status_code == 302
    assert Transfer.objects.get().request["server_path"] == "log.jsonl"


def test_an_export_of_one_experiment_takes_its_task_set_along(researcher: Client) -> None:
    experiment = played_experiment()
    played_experiment("other doors")

    page = researcher.get(f"{EXPORT}?experiment={experiment.pk}")
    response = researcher.post(
        EXPORT,
        {"tables": ["tasks", "episodes"], "format": "jsonl", "experiments": [experiment.pk]},
    )

    assert f'value="{experiment.pk}" selected' in page.content.decode()
    assert response.status_code == 302
    transfer = Transfer.objects.get()
    assert transfer.request["experiments"] == [experiment.pk]
    assert transfer.request["task_sets"] == [experiment.task_set_id]


def test_a_finished_export_is_handed_out(researcher: Client) -> None:
    transfer = done()
    transfer.folder.mkdir(parents=True, exist_ok=True)
    (transfer.folder / "dataset.zip").write_bytes(b"PK")

    page = text(researcher.get(f"/data/{transfer.pk}/"))
    response = researcher.get(f"/data/{transfer.pk}/dataset.zip")

    assert "Download" in page
    assert b"".join(response.streaming_content) == b"PK"  # type: ignore[attr-defined]
    assert f"doors-{transfer.pk}.zip" in response["Content-Disposition"]


def test_a_transfer_without_a_worker_shows_as_lost_and_then_as_taken_up(
    researcher: Client,
) -> None:
    running = {"status": "running", "direction": "import", "unfinished_claims": 1}
    gone = done(**running, lease_expires_at=timezone.now() - timedelta(seconds=1))
    held = timezone.now() + timedelta(hours=1)
    again = done(**running | {"unfinished_claims": 2}, lease_expires_at=held)

    lost, taken_up = (text(researcher.get(f"/data/{one.pk}/")) for one in (gone, again))

    assert ">Lost<" in lost
    assert "Another one takes it up within a minute" in lost
    assert ">Running<" in taken_up
    assert "Start 2: the worker before was lost." in taken_up
    assert "Lost" in text(researcher.get(LIST))


def test_an_expired_export_says_so(researcher: Client) -> None:
    transfer = done(files_removed=True)

    response = researcher.get(f"/data/{transfer.pk}/dataset.zip")

    assert response.status_code == 410
    assert "Its time is over" in text(response)


def test_an_unfinished_export_hands_out_nothing(researcher: Client) -> None:
    transfer = done(status="running")

    assert researcher.get(f"/data/{transfer.pk}/dataset.zip").status_code == 404


def test_the_bad_rows_are_shown_with_file_row_and_reason(researcher: Client) -> None:
    bad = [{"file": "log.jsonl", "row": 7, "reason": "trial must be 1 to 32767"}]
    transfer = done(direction="import", status="refused", bad_count=1, report={"bad": bad})

    page = text(researcher.get(f"/data/{transfer.pk}/"))

    assert "Nothing was imported" in page
    assert "trial must be 1 to 32767" in page


def test_a_moving_transfer_asks_again_and_a_finished_one_does_not(researcher: Client) -> None:
    moving, finished = done(status="running"), done()
    headers = {"HX-Request": "true", "HX-Target": "transfer"}

    partial = researcher.get(f"/data/{moving.pk}/", headers=headers)

    assert 'hx-trigger="every 1s"' in partial.content.decode()
    assert b"<html" not in partial.content
    assert b"every 1s" not in researcher.get(f"/data/{finished.pk}/").content


def test_the_list_asks_few_questions_however_long(
    researcher: Client, django_assert_max_num_queries: object
) -> None:
    for number in range(35):
        done(title=f"Export {number}")

    with django_assert_max_num_queries(8):  # type: ignore[operator]
        page = researcher.get(LIST)

    assert "Older" in text(page)


@pytest.mark.parametrize("role", ["", "viewer", "annotator"])
def test_only_researchers_move_data(role: str) -> None:
    client, transfer = client_of(role), done()

    for path in (LIST, IMPORT, EXPORT, f"/data/{transfer.pk}/", f"/data/{transfer.pk}/dataset.zip"):
        assert client.get(path).status_code == 403, path
    assert client.post(IMPORT, {}).status_code == 403
    assert client.post(EXPORT, {}).status_code == 403


def test_a_log_line_can_be_posted_as_json(researcher: Client) -> None:
    assert upload(researcher, json.dumps({"x": 1}).encode(), name="x.json").status_code == 302
    assert upload(researcher, b"x", name="x.exe").status_code == 422
