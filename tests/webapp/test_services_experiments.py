"""Making experiments and moving them from state to state; their progress."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks

from retro_core.config import ExperimentConfig
from retro_core.errors import InvalidInput
from tests.workers.doors import CONFIG, doors_experiment
from webapp import jobs
from webapp.episodes.models import Episode
from webapp.experiments import services
from webapp.experiments.models import Experiment, ExperimentTask
from webapp.experiments.progress import expected_trials, progress
from webapp.tasks.models import TaskSet

pytestmark = pytest.mark.django_db
Status = Experiment.Status


@pytest.fixture
def queued_ids(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The experiments that jobs were asked for, without a broker."""
    asked: list[int] = []
    monkeypatch.setattr(jobs, "_enqueue", lambda _queue, _path, pk: asked.append(pk))
    return asked


def in_state(state: str) -> Experiment:
    experiment = doors_experiment()
    Experiment.objects.update(status=state)
    return experiment


def test_a_draft_has_a_row_for_each_task_and_the_whole_configuration() -> None:
    experiment = doors_experiment(3)

    assert experiment.status == "draft"
    assert list(experiment.experiment_tasks.values_list("task__key", "state", "position")) == [
        *[("doors-0", "open", 0), ("doors-1", "open", 1), ("doors-2", "open", 2)]
    ]
    assert (experiment.tasks_total, experiment.trials, experiment.method) == (3, 3, "reflexion")
    assert services.config_of(experiment) == CONFIG
    assert len(experiment.code_version) == 12


def test_an_experiments_name_is_its_own() -> None:
    experiment = doors_experiment()

    with pytest.raises(InvalidInput, match="named 'Doors' already"):
        services.create_experiment(
            name="Doors", task_set=experiment.task_set, config=ExperimentConfig()
        )


def test_an_empty_task_set_makes_no_experiment() -> None:
    empty = TaskSet.objects.create(name="None", environment="doors", split="train")

    with pytest.raises(InvalidInput, match="'None' is empty"):
        services.create_experiment(name="x", task_set=empty, config=CONFIG)


def test_a_clone_is_equal_but_for_its_name() -> None:
    experiment = doors_experiment()

    clone = services.create_experiment(**services.clone_values(experiment))

    assert clone.name == "Doors (2)"
    assert (clone.task_set, clone.config, clone.seed) == (
        *(experiment.task_set, experiment.config, experiment.seed),
    )


MOVES: list[tuple[Callable[[int], bool], set[str], str]] = [
    (services.start, {"draft"}, "queued"),
    (services.pause, {"queued", "running"}, "paused"),
    (services.resume, {"paused", "failed"}, "queued"),
    (services.cancel, {"draft", "queued", "running", "paused", "failed"}, "cancelled"),
]


@pytest.mark.parametrize("state", Status.values)
@pytest.mark.parametrize(("move", "allowed", "after"), MOVES)
def test_each_move_is_possible_from_its_states_only(
    move: Callable[[int], bool], allowed: set[str], after: str, state: str
) -> None:
    experiment = in_state(state)

    moved = move(experiment.pk)

    experiment.refresh_from_db()
    assert moved is (state in allowed)
    assert experiment.status == (after if moved else state)


def test_a_job_is_asked_for_only_after_the_commit(
    queued_ids: list[int], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    experiment = doors_experiment()

    with django_capture_on_commit_callbacks(execute=True):
        services.start(experiment.pk)
        before = list(queued_ids)

    assert (before, queued_ids) == ([], [experiment.pk])


def test_a_second_start_queues_nothing(
    queued_ids: list[int], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    experiment = doors_experiment()

    with django_capture_on_commit_callbacks(execute=True):
        started = [services.start(experiment.pk), services.start(experiment.pk)]

    assert (started, queued_ids) == ([True, False], [experiment.pk])


def test_the_start_stands_though_the_broker_is_away(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    experiment = doors_experiment()  # no test asked for a broker here

    with django_capture_on_commit_callbacks(execute=True):
        services.start(experiment.pk)

    experiment.refresh_from_db()
    assert experiment.status == "queued"


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_live_experiment_is_neither_archived_nor_deleted(state: str) -> None:
    experiment = in_state(state)

    assert services.archive(experiment.pk) is False
    assert services.delete(experiment.pk) is False


def test_a_deleted_experiment_is_not_resumed() -> None:
    experiment = in_state("paused")
    Experiment.objects.update(deleted_at=timezone.now())

    assert services.resume(experiment.pk) is False


def test_archiving_takes_an_experiment_off_the_lists() -> None:
    experiment = in_state("finished")

    services.archive(experiment.pk)

    assert not Experiment.objects.unarchived().exists()


def test_deleting_removes_the_rows_but_leaves_the_tasks() -> None:
    experiment = in_state("finished")

    services.delete(experiment.pk)

    assert not ExperimentTask.objects.exists()
    assert TaskSet.objects.get().tasks.count() == 3


def test_the_first_start_makes_one_sample_with_its_control(
    queued_ids: list[int], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        made = services.ensure_sample_experiment()
        again = services.ensure_sample_experiment()

    rows = Experiment.objects.order_by("pk").values_list("method", "trials", "tasks_total")
    assert list(rows) == [("reflexion", 3, 12), ("resample", 3, 12)]
    assert TaskSet.objects.get().split == "valid_unseen"
    assert (queued_ids, again) == ([experiment.pk for experiment in made], [])


def test_progress_tells_held_lost_and_waiting_tasks_apart() -> None:
    experiment = in_state("running")
    ExperimentTask.objects.claim(experiment.pk, "live worker")
    lost = ExperimentTask.objects.claim(experiment.pk, "dead worker")
    assert lost is not None
    ExperimentTask.objects.filter(pk=lost.pk).update(
        lease_expires_at=timezone.now() - timedelta(seconds=1)
    )
    experiment.refresh_from_db()

    seen = progress(experiment)

    assert (seen.total, seen.running, seen.lost, seen.waiting, seen.done) == (3, 1, 1, 1, 0)
    assert seen.time_left is None


def test_time_left_is_the_pace_times_the_expected_episodes() -> None:
    experiment = in_state("running")
    now = timezone.now()
    for trial in (1, 2, 3):  # one task, no success, ten seconds apart
        Episode.objects.create(
            experiment=experiment,
            task=experiment.experiment_tasks.get(position=0).task,
            trial=trial,
            success=False,
            episode_return=0.0,
            finished_at=now + timedelta(seconds=10 * trial),
        )
    ExperimentTask.objects.filter(position=0).update(state="unsolved", trials_done=3)
    ExperimentTask.objects.filter(position=1).update(trials_done=1)
    Experiment.objects.update(episodes_count=3, tasks_ended=1)
    experiment.refresh_from_db()

    seen = progress(experiment)

    assert seen.time_left == timedelta(seconds=50)  # 2 + 3 trials at 10 s each
    assert seen.share_done == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("trials", "share", "expected"),
    [(3, 0.0, 3.0), (1, 0.5, 1.0), (2, 0.5, 1.5), (3, 0.5, 1.75), (5, 1.0, 1.0)],
)
def test_expected_trials_end_at_the_first_success(
    trials: int, share: float, expected: float
) -> None:
    assert expected_trials(trials, share) == pytest.approx(expected)


def test_until_enough_episodes_ended_the_pace_counts_from_the_start() -> None:
    experiment = in_state("running")
    now = timezone.now()
    for position in (0, 1):  # played together, ended together, 30 seconds after the start
        Episode.objects.create(
            experiment=experiment,
            task=experiment.experiment_tasks.get(position=position).task,
            trial=1,
            success=False,
            episode_return=0.0,
            finished_at=now + timedelta(seconds=30),
        )
    Experiment.objects.update(episodes_count=2, started_at=now)
    ExperimentTask.objects.filter(position__lte=1).update(trials_done=1)
    experiment.refresh_from_db()

    seen = progress(experiment)

    assert seen.time_left == timedelta(seconds=105)  # 2 + 2 + 3 trials at 15 s each
