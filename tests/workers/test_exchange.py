"""Exports and imports by the job, with a real database, broker and files."""

import json
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.webapp.played import played_experiment
from tests.workers.exchanging import (
    copy_of,
    exported,
    forget_everything,
    imported,
    rated_experiment,
    rows_of,
    unpacked,
)
from webapp.annotation.models import Response
from webapp.episodes.models import Episode, Reflection
from webapp.exchange import services
from webapp.exchange.models import Transfer
from webapp.exchange.requests import ExportRequest
from webapp.exchange.tables import TABLES
from webapp.experiments.models import Experiment
from webapp.tasks.models import Task
from workers.exchange import run_transfer
from workers.exchange_upkeep import take_up_lost_transfers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker")]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_export_import_and_export_again_give_equal_rows(kind: str, tmp_path: Path) -> None:
    rated_experiment()
    kept = copy_of(exported(kind), tmp_path)
    before = rows_of(unpacked(exported("jsonl"), tmp_path / "before"))
    forget_everything()

    transfer = imported(kept)

    assert transfer.status == "done", transfer.message
    assert transfer.report["new"] == {
        **{"tasks": 3, "experiments": 1, "episodes": 5, "reflections": 2, "ratings": 1}
    }
    after = rows_of(unpacked(exported("jsonl"), tmp_path / "after"))
    assert after == before
    assert len(before["data/episodes/train-00000.jsonl"][0]["steps"]) == 2
    assert [len(row["responses"]) for row in before["data/ratings/train-00000.jsonl"]] == [3, 0]
    rated = Reflection.objects.get(episode__task__key="doors-1")
    assert (rated.automatic_rating, rated.human_rating, rated.effective_rating) == (
        *(0.75, 0.125, 0.125),
    )
    assert not User.objects.get(username="ann").is_active


def test_an_imported_experiment_has_its_curve_and_counters(tmp_path: Path) -> None:
    rated_experiment()
    kept = copy_of(exported("parquet"), tmp_path)
    forget_everything()

    imported(kept)

    experiment = Experiment.objects.get()
    points = experiment.curve_points.values_list("trial", "attempts", "solved", "return_sum")
    assert list(points) == [(1, 3, 1, 1.25), (2, 2, 1, 1.5)]
    assert (experiment.episodes_count, experiment.steps_count) == (5, 10)
    assert (experiment.reflections_count, experiment.prompt_tokens) == (2, 1000)
    assert (experiment.trials, experiment.task_set.members.count()) == (2, 3)


def test_importing_an_export_where_it_came_from_changes_nothing(tmp_path: Path) -> None:
    rated_experiment()
    kept = copy_of(exported("parquet"), tmp_path)

    transfer = imported(kept)

    assert transfer.status == "done", transfer.report
    assert transfer.report["known"] == {
        **{"tasks": 3, "experiments": 1, "episodes": 5, "reflections": 2, "ratings": 2}
    }
    assert sum(transfer.report["new"].values()) == 0
    assert (Episode.objects.count(), Response.objects.count()) == (5, 3)


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_the_datasets_library_reads_every_configuration(kind: str, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rated_experiment()
    folder = unpacked(exported(kind), tmp_path / "set")

    for name, table in TABLES.items():
        cache = str(tmp_path / "cache")
        read = datasets.load_dataset(str(folder), name, split="train", cache_dir=cache)
        assert read.column_names == [column.name for column in table.columns]

    episodes = datasets.load_dataset(str(folder), "episodes", cache_dir=str(tmp_path / "cache"))
    assert episodes["train"].num_rows == 5
    assert episodes["train"][0]["steps"][0]["action"] == "open red"


def test_every_bad_row_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    good = {
        **{"experiment": "doors", "environment": "doors", "method": "react", "task_id": "d1"},
        **{"trial": 1, "success": False, "episode_return": 0.0, "truncated": False},
        "steps": [{"action": "leave"}],
    }
    bad = [json.dumps(good | {"trial": 0}) for _ in range(150)]
    path.write_text("\n".join([json.dumps(good), *bad, "{"]))

    transfer = imported(path)

    assert (transfer.status, transfer.bad_count) == ("refused", 151)
    assert len(transfer.report["bad"]) == 100
    first = transfer.report["bad"][0]
    assert first == {"file": "log.jsonl", "row": 2, "reason": "trial must be 1 to 32767"}
    listed = services.bad_rows(transfer)
    assert listed is not None
    assert len(listed.read_text().splitlines()) == 1 + 151
    assert not Experiment.objects.exists()


def test_a_row_that_contradicts_what_is_stored_undoes_the_whole_import(tmp_path: Path) -> None:
    rated_experiment()
    folder = unpacked(exported("jsonl"), tmp_path / "set")
    path = folder / "data/reflections/train-00000.jsonl"
    forget_everything()
    rows = [json.loads(line) for line in path.open()]
    rows[1]["task_id"] = "doors-9"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as packed:
        for member in folder.rglob("*.jsonl"):
            packed.write(member, member.relative_to(folder))

    transfer = imported(tmp_path / "set.zip")

    assert (transfer.status, Experiment.objects.count(), Task.objects.count()) == ("refused", 0, 0)
    reasons = [(bad["file"], bad["row"]) for bad in transfer.report["bad"]]
    assert reasons == [
        ("data/reflections/train-00000.jsonl", 2),
        ("data/ratings/train-00000.jsonl", 2),
    ]


def test_the_good_lines_are_taken_where_that_was_asked(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    good = {
        **{"experiment": "doors", "environment": "doors", "method": "react", "task_id": "d1"},
        **{"trial": 1, "success": True, "episode_return": 1.0, "truncated": False, "steps": []},
    }
    path.write_text(json.dumps(good) + "\n{\n")

    transfer = imported(path, skip_bad=True)

    assert (transfer.status, transfer.bad_count) == ("done", 1)
    assert Experiment.objects.get().tasks_solved == 1


def test_a_killed_workers_export_is_taken_up_and_leaves_no_half_file() -> None:
    played_experiment()
    request = ExportRequest(tables=["episodes"])
    transfer = services.ask_for_export(request, title="All", owner=None)
    Transfer.objects.claim(transfer.pk, "dead")
    left = transfer.folder / "work-dead"
    left.mkdir(parents=True)
    (left / "half.parquet").write_bytes(b"half")
    run_transfer(transfer.pk)  # the dead one's lease still runs
    assert services.packed(transfer) is None
    past = timezone.now() - timedelta(seconds=1)
    Transfer.objects.filter(pk=transfer.pk).update(lease_expires_at=past)

    queued_again = take_up_lost_transfers()
    run_transfer(transfer.pk)

    transfer.refresh_from_db()
    assert transfer.status == "done"
    assert queued_again == []  # its first job still waits
    assert [path.name for path in transfer.folder.iterdir()] == ["dataset.zip"]


def test_files_go_when_their_time_is_over() -> None:
    played_experiment()
    transfer = exported()
    Transfer.objects.filter(pk=transfer.pk).update(expires_at=timezone.now() - timedelta(days=1))

    assert services.remove_expired() == 1

    assert not transfer.folder.exists()
    assert services.remove_expired() == 0
