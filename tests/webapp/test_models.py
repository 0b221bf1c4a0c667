"""What the database itself refuses, whoever writes to it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from tests.workers.doors import doors_experiment
from webapp.episodes.models import Episode, Reflection, Step
from webapp.experiments.models import CurvePoint, Experiment, ExperimentTask
from webapp.tasks.models import Task, TaskSetMember

pytestmark = pytest.mark.django_db
Make = Callable[[], models.Model]


@pytest.fixture
def experiment() -> Experiment:
    return doors_experiment(2)


def task(experiment: Experiment, position: int = 0) -> Task:
    return experiment.experiment_tasks.get(position=position).task


def episode(experiment: Experiment, trial: int = 1) -> Episode:
    return Episode.objects.create(
        experiment=experiment,
        task=task(experiment),
        trial=trial,
        success=False,
        episode_return=0.0,
        finished_at=timezone.now(),
    )


def refused(constraint: str, make: Make) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        make()


def test_an_episode_is_there_once_for_each_trial(experiment: Experiment) -> None:
    episode(experiment)

    refused("episode_once_per_trial", lambda: episode(experiment))


def test_trials_count_from_one(experiment: Experiment) -> None:
    refused("episode_trial_from_one", lambda: episode(experiment, trial=0))


def test_a_step_has_its_own_place(experiment: Experiment) -> None:
    played = episode(experiment)
    Step.objects.create(episode=played, index=0, action="go")

    refused(
        "step_once_per_index",
        lambda: Step.objects.create(episode=played, index=0, action="stay"),
    )


def test_an_episode_has_one_reflection(experiment: Experiment) -> None:
    columns: dict[str, Any] = {
        "episode": episode(experiment),
        "experiment": experiment,
        "text": "Try green.",
        "written_at": timezone.now(),
    }
    Reflection.objects.create(**columns)

    refused("episodes_reflection_episode_id", lambda: Reflection.objects.create(**columns))


def test_a_task_is_once_in_an_experiment_and_has_its_own_place(experiment: Experiment) -> None:
    first, second = task(experiment, 0), task(experiment, 1)

    refused(
        "task_once_per_experiment",
        lambda: ExperimentTask.objects.create(experiment=experiment, task=first, position=9),
    )
    other = Task.objects.create(environment="doors", key="other", split="train", goal="")
    refused(
        "position_once_per_experiment",
        lambda: ExperimentTask.objects.create(experiment=experiment, task=other, position=0),
    )
    assert second.key == "doors-1"


def test_a_task_key_means_one_task_of_its_environment(experiment: Experiment) -> None:
    refused(
        "task_key_once_per_environment",
        lambda: Task.objects.create(environment="doors", key="doors-0", split="x", goal="Other."),
    )


def test_a_task_set_holds_a_task_once(experiment: Experiment) -> None:
    refused(
        "task_once_per_set",
        lambda: TaskSetMember.objects.create(
            task_set=experiment.task_set, task=task(experiment), position=9
        ),
    )


def test_a_curve_has_one_point_for_each_trial(experiment: Experiment) -> None:
    CurvePoint.objects.create(experiment=experiment, trial=1)

    refused(
        "curve_point_once_per_trial",
        lambda: CurvePoint.objects.create(experiment=experiment, trial=1),
    )


def test_an_experiment_has_at_least_one_trial(experiment: Experiment) -> None:
    refused("experiment_has_trials", lambda: _without_trials(experiment))


def _without_trials(experiment: Experiment) -> Experiment:
    Experiment.objects.filter(pk=experiment.pk).update(trials=0)
    return experiment


def test_tasks_that_experiments_hang_on_cannot_be_deleted(experiment: Experiment) -> None:
    with pytest.raises(models.ProtectedError):
        task(experiment).delete()
