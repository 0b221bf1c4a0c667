"""Logs for an experiment that takes no rows: one that an agent still plays, a deleted one."""

import json
from typing import Any

import pytest
from django.utils import timezone

from tests.webapp.api_program import STEPS, Api, opened, push
from tests.webapp.played import played_experiment
from webapp.episodes.importing import import_episodes
from webapp.episodes.models import Episode
from webapp.experiments.models import Experiment, ExperimentTask
from webapp.tasks.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("broker")]
D2 = {"task_id": "d2", "trial": 1}
PUSHED = {
    **{"experiment": "foreign", "environment": "doors", "method": "reflexion"},
    **{"task_id": "d1", "trial": 1, "success": False, "episode_return": 0.25, "truncated": False},
    "steps": [STEPS[0], STEPS[1] | {"reward": 0.25}],
}


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def path(api: Api) -> str:
    """An agent has ended d1, and is in the middle of d2."""
    path = opened(api)
    push(api, path, "d1", 1, 0.25)
    api.post(f"{path}/episodes", D2)
    api.post(f"{path}/steps", D2 | {"first_index": 0, "steps": STEPS[:1]})
    return path


def log(*records: dict[str, Any]) -> list[bytes]:
    return [json.dumps(one).encode() for one in records]


def test_trials_that_are_known_leave_an_experiment_alone_that_an_agent_still_plays(
    api: Api, path: str
) -> None:
    before = list(ExperimentTask.objects.order_by("pk").values())

    report = import_episodes(log(PUSHED), source="log")

    assert (report.imported, report.known, report.bad_count) == (0, 1, 0)
    assert list(ExperimentTask.objects.order_by("pk").values()) == before
    ended = api.post(f"{path}/end", D2 | {"success": False, "steps_count": 1})
    assert ended.status_code == 200, ended.json()
    stored = Experiment.objects.get()
    assert (stored.tasks_total, stored.tasks_ended, stored.episodes_count) == (2, 0, 2)


@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_trial_is_not_added_to_an_experiment_that_an_agent_still_plays(
    path: str, skip_bad: bool
) -> None:
    new = PUSHED | {"trial": 2}

    report = import_episodes(log(PUSHED, new), source="log", skip_bad=skip_bad)

    assert [(line.number, line.reason) for line in report.bad_lines] == [
        (
            2,
            "an experiment named 'foreign' still takes pushed episodes: finish or cancel it first,"
            " or import under another name",
        )
    ]
    assert Episode.objects.count() == 1
    assert ExperimentTask.objects.count() == 2


def test_once_the_agent_has_finished_later_trials_join(api: Api, path: str) -> None:
    api.post(f"{path}/finish", {})

    report = import_episodes(log(PUSHED, PUSHED | {"trial": 2}), source="log")

    assert (report.imported, report.known, report.bad_count) == (1, 1, 0)
    assert Experiment.objects.get().episodes_count == 2


@pytest.mark.parametrize("skip_bad", [False, True])
def test_nothing_goes_into_a_deleted_experiment_not_even_what_is_known(skip_bad: bool) -> None:
    import_episodes(log(PUSHED), source="log")
    Experiment.objects.update(deleted_at=timezone.now())
    new = PUSHED | {"task_id": "d9"}

    report = import_episodes(log(PUSHED, new), source="log", skip_bad=skip_bad)

    reason = (
        "an experiment named 'foreign' was deleted: restore it first, or import under another name"
    )
    assert [line.reason for line in report.bad_lines] == [reason, reason]
    assert (report.imported, report.known) == (0, 0)
    assert Episode.objects.count() == 1
    assert not Task.objects.filter(key="d9").exists()


def test_a_deleted_experiment_that_was_played_here_says_so_too() -> None:
    played_experiment("foreign")
    Experiment.objects.update(deleted_at=timezone.now())

    report = import_episodes(log(PUSHED), source="log")

    assert "was deleted: restore it first" in report.bad_lines[0].reason


def test_what_was_restored_takes_rows_again() -> None:
    import_episodes(log(PUSHED), source="log")
    Experiment.objects.update(deleted_at=timezone.now())
    Experiment.objects.update(deleted_at=None)

    report = import_episodes(log(PUSHED, PUSHED | {"trial": 2}), source="log")

    assert (report.imported, report.known) == (1, 1)
