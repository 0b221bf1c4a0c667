"""Exports and imports done at once, in the worker's place."""

import json
import zipfile
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from tests.webapp.annotated import ACCEPT, give, override, person
from tests.webapp.played import played_experiment
from webapp.annotation.models import Adjudication, Queue, RatingEvent
from webapp.annotation.services.effects import Reason, settle
from webapp.annotation.services.making import Selection, Terms, make_queue
from webapp.exchange import services
from webapp.exchange.models import Transfer
from webapp.exchange.requests import ExportRequest, ImportRequest
from webapp.exchange.tables import TABLES
from webapp.experiments.models import Experiment
from webapp.tasks.models import Task, TaskSet
from workers.exchange import run_transfer

Rows = dict[str, list[dict[str, Any]]]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A file of JSON lines."""
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def imported(path: Path, **terms: Any) -> Transfer:
    owner = User.objects.filter(username="lea").first()
    request = ImportRequest(file=path.name, **terms)
    transfer = services.ask_for_import(request, owner=owner, chunks=[path.read_bytes()])
    run_transfer(transfer.pk)
    transfer.refresh_from_db()
    return transfer


def rated_experiment() -> Experiment:
    """Doors, played; one reflection with two answers, the second corrected, and a decision."""
    experiment = played_experiment()
    lea = person("lea", "")
    queue = make_queue(lea, Terms("doors queue", overlap=2), Selection([experiment.pk]), "Fair.")
    item = queue.items.order_by("pk").first()
    assert item is not None
    give(item, person("ann", ""), override(0.5))
    give(item, person("bob", ""), ACCEPT)
    give(item, person("ann", ""), override(0.25))
    decision = Adjudication.objects.create(
        reflection=item.reflection, item=item, value=0.125, why="so", decided_by=lea
    )
    settle([item.reflection_id], Reason(lea, RatingEvent.Cause.ADJUDICATION, adjudication=decision))
    return experiment


def exported(kind: str = "jsonl", **chosen: Any) -> Transfer:
    request = ExportRequest(tables=list(TABLES), format=kind, **chosen)  # type: ignore[arg-type]
    transfer = services.ask_for_export(request, title="All", owner=None)
    run_transfer(transfer.pk)
    transfer.refresh_from_db()
    assert transfer.status == "done", transfer.message
    return transfer


def unpacked(transfer: Transfer, folder: Path) -> Path:
    path = services.packed(transfer)
    assert path is not None
    with zipfile.ZipFile(path) as packed:
        packed.extractall(folder)
    return folder


def rows_of(folder: Path) -> Rows:
    return {
        path.relative_to(folder).as_posix(): [json.loads(line) for line in path.open()]
        for path in sorted(folder.rglob("*.jsonl"))
    }


def forget_everything() -> None:
    """As another studio: nothing of the experiment is known."""
    tables = [m._meta.db_table for m in (Experiment, TaskSet, Task, Queue, User)]
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")


def copy_of(transfer: Transfer, folder: Path) -> Path:
    """The zip, kept outside of the studio's folders."""
    found = services.packed(transfer)
    assert found is not None
    kept = folder / "kept.zip"
    kept.write_bytes(found.read_bytes())
    return kept
