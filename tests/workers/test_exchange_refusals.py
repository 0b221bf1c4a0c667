"""Files that an import refuses, each with the reason."""

import json
import zipfile
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DataError

from tests.workers.exchanging import imported
from webapp.experiments.models import Experiment
from workers import exchange

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker")]


def test_a_damaged_zip_says_so(tmp_path: Path) -> None:
    path = tmp_path / "damaged.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("data/tasks/train-00000.jsonl", "one two three " * 500)
    content = bytearray(path.read_bytes())
    content[60:64] = b"\xff\xff\xff\xff"  # in the middle of what is packed
    path.write_bytes(content)

    transfer = imported(path)

    assert transfer.status == "failed"
    assert "is not a zip that can be read" in transfer.message


def test_what_the_database_refuses_ends_the_import_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise DataError("integer out of range")

    monkeypatch.setattr(exchange, "take", refused)
    path = tmp_path / "log.jsonl"
    path.write_text(
        json.dumps(
            {
                **{"experiment": "doors", "environment": "doors", "method": "react"},
                **{"task_id": "d1", "trial": 1, "success": False, "episode_return": 0.0},
                **{"truncated": False, "steps": [{"action": "leave"}]},
            }
        )
    )

    transfer = imported(path)

    assert transfer.status == "failed"
    assert "integer out of range" in transfer.message
    assert not Experiment.objects.exists()


def test_a_zip_may_not_write_outside_of_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("../../evil.jsonl", "{}")

    transfer = imported(path)

    assert transfer.status == "failed"
    assert "leads outside" in transfer.message
    assert not list(Path(settings.DATA_DIR).rglob("evil.jsonl"))
