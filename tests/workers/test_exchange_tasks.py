"""Task sets on their way in: those that an import made grow, others stay as they are."""

from pathlib import Path
from typing import Any

import pytest

from tests.webapp.played import new_experiment
from tests.workers.exchanging import imported, written
from webapp.tasks.models import TaskSet
from webapp.tasks.services import IMPORTED_SPLIT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("broker")]


def row(task_set: str, key: str, position: int, split: str = IMPORTED_SPLIT) -> dict[str, Any]:
    return {
        **{"task_set": task_set, "task_set_split": split, "position": position, "task_id": key},
        **{"environment": "doors", "split": split, "goal": f"Leave by door {key}."},
    }


def test_an_imported_task_set_that_has_grown_since_gets_the_new_tasks(tmp_path: Path) -> None:
    imported(written(tmp_path / "old.jsonl", [row("pushed", "a", 0), row("pushed", "b", 1)]))
    places = {"a": 0, "c": 1, "b": 2, "d": 3}
    new = written(tmp_path / "new.jsonl", [row("pushed", *place) for place in places.items()])

    grown, again = imported(new), imported(new)

    assert grown.status == "done", grown.report
    assert (grown.report["new"]["tasks"], grown.report["known"]["tasks"]) == (2, 2)
    members = TaskSet.objects.get().members.order_by("position")
    assert list(members.values_list("task__key", "position")) == [
        *[("a", 0), ("b", 1), ("c", 2), ("d", 3)]
    ]
    assert (again.status, again.report["known"]["tasks"]) == ("done", 4)


def test_a_task_set_made_here_takes_no_further_task(tmp_path: Path) -> None:
    new_experiment()
    more = written(tmp_path / "more.jsonl", [row("doors tasks", "doors-3", 3, "train")])

    transfer = imported(more)

    assert transfer.status == "refused"
    assert "is here with other tasks" in transfer.report["bad"][0]["reason"]
    assert TaskSet.objects.get().members.count() == 3
