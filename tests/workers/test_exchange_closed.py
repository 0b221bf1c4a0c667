"""Rows for an experiment that takes none: one that an agent still plays, and a deleted one."""

from pathlib import Path

import pytest
from django.utils import timezone

from tests.webapp.pushed import begin, end, push, pushed_experiment
from tests.workers.exchanging import (
    copy_of,
    exported,
    imported,
    rated_experiment,
    rows_of,
    unpacked,
    written,
)
from webapp.api.pushing import add_reflection
from webapp.episodes.models import Episode, Reflection
from webapp.experiments.models import Experiment, ExperimentTask
from webapp.tasks.services import IMPORTED_SPLIT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker")]
RUNS = "an experiment named 'foreign' still takes pushed episodes: finish or cancel it first"


@pytest.fixture
def experiment() -> Experiment:
    """An agent has ended two trials of d1 with a reflection between, and is in the middle of d2."""
    experiment = pushed_experiment()
    push(experiment, "d1", 1, 0.25)
    add_reflection(experiment, "d1", 1, "Try blue.", "")
    push(experiment, "d1", 2, 0.5)
    begin(experiment, "d2", 1, steps=2)
    return experiment


def test_importing_an_export_again_leaves_a_running_experiment_as_it_is(
    experiment: Experiment, tmp_path: Path
) -> None:
    kept = copy_of(exported("jsonl"), tmp_path)
    before = list(ExperimentTask.objects.order_by("pk").values())

    transfer = imported(kept)

    assert transfer.status == "done", transfer.report
    assert sum(transfer.report["new"].values()) == 0
    assert list(ExperimentTask.objects.order_by("pk").values()) == before
    end(experiment, "d2", 1)
    assert Episode.objects.count() == 3


def test_rows_that_are_new_to_a_running_experiment_are_refused(
    experiment: Experiment, tmp_path: Path
) -> None:
    rows = rows_of(unpacked(exported("jsonl"), tmp_path / "set"))
    episode = rows[f"data/episodes/{IMPORTED_SPLIT}-00000.jsonl"][0] | {"trial": 3}
    reflection = rows[f"data/reflections/{IMPORTED_SPLIT}-00000.jsonl"][0] | {"trial": 2}

    of_episode = imported(written(tmp_path / "episodes.jsonl", [episode]))
    of_reflection = imported(written(tmp_path / "reflections.jsonl", [reflection]))

    for transfer in (of_episode, of_reflection):
        assert transfer.status == "refused", transfer.message
        assert transfer.report["bad"][0]["reason"].startswith(RUNS)
    assert (Episode.objects.count(), Reflection.objects.count()) == (2, 1)
    assert ExperimentTask.objects.filter(experiment=experiment).count() == 2


def test_every_row_of_a_deleted_experiment_is_refused_with_what_to_do(tmp_path: Path) -> None:
    rated_experiment()
    kept = copy_of(exported("jsonl"), tmp_path)
    Experiment.objects.update(deleted_at=timezone.now())

    transfer = imported(kept)

    assert (transfer.status, transfer.bad_count) == ("refused", 1 + 5 + 2 + 2)
    assert {row["reason"] for row in transfer.report["bad"]} == {
        "an experiment named 'doors' was deleted: restore it first, or import under another name"
    }


def test_past_bad_rows_nothing_goes_into_a_deleted_experiment(tmp_path: Path) -> None:
    rated_experiment()
    rows = rows_of(unpacked(exported("jsonl"), tmp_path / "set"))
    Experiment.objects.update(deleted_at=timezone.now(), source=Experiment.Source.IMPORTED)
    known = rows["data/episodes/train-00000.jsonl"]
    new = known[0] | {"task_id": "doors-9"}

    transfer = imported(written(tmp_path / "episodes.jsonl", [*known, new]), skip_bad=True)

    assert transfer.bad_count == 6
    assert Episode.objects.count() == 5
    assert list(Experiment.objects.values_list("name", flat=True)) == ["doors"]
