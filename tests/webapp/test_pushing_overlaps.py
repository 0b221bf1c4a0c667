"""Calls of an agent that overlap: each waits for the other, and nothing of either is lost."""

import pytest

from tests.webapp import pushed
from tests.webapp.api_program import STEPS
from tests.webapp.overlapping import during
from webapp.api import pushing
from webapp.api.models import OpenEpisode
from webapp.api.pushed_experiments import finish_experiment
from webapp.episodes.models import Episode, Reflection
from webapp.experiments import services
from webapp.experiments.models import Experiment, ExperimentTask

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("broker"),
    pytest.mark.timeout(60),
]


@pytest.fixture
def experiment() -> Experiment:
    """The first trial of d1 is recorded with 0.25; the second has its two steps, worth 1.0."""
    experiment = pushed.pushed_experiment()
    pushed.push(experiment, "d1", 1, 0.25)
    pushed.begin(experiment, "d1", 2, steps=2)
    return experiment


def reflect(experiment: Experiment) -> None:
    pushing.add_reflection(experiment, "d1", 1, "Try blue.", "")


def lock_task() -> None:
    ExperimentTask.objects.select_for_update().get()


def ended(experiment: Experiment, how: str) -> bool:
    if how == "finish":
        return finish_experiment(experiment)
    return services.cancel(experiment.pk)


def test_a_reflection_is_rated_by_the_trial_that_ends_at_the_same_time(
    experiment: Experiment,
) -> None:
    during(lambda: reflect(experiment), lambda: pushed.end(experiment, "d1", 2, 1.0))

    assert Reflection.objects.get().automatic_rating == 0.75


def test_a_reflection_that_comes_while_the_next_trial_ends_is_rated_by_it(
    experiment: Experiment,
) -> None:
    during(lambda: pushed.end(experiment, "d1", 2, 1.0), lambda: reflect(experiment))

    assert Reflection.objects.get().automatic_rating == 0.75


@pytest.mark.parametrize("how", ["finish", "cancel"])
def test_an_episode_that_is_just_being_opened_ends_with_its_experiment(how: str) -> None:
    experiment = pushed.pushed_experiment()

    during(
        lambda: pushing.open_episode(experiment, "d1", 1, "Get out."),
        lambda: ended(experiment, how),
    )

    assert not Experiment.objects.get().takes_pushes
    assert not OpenEpisode.objects.exists()
    assert ExperimentTask.objects.get().live_trial == 0


@pytest.mark.parametrize("how", ["finish", "cancel"])
def test_a_trial_that_ends_before_its_experiment_does_is_recorded(
    experiment: Experiment, how: str
) -> None:
    during(
        lock_task,
        lambda: ended(experiment, how),
        then=lambda: pushed.end(experiment, "d1", 2, 1.0),
    )

    assert Episode.objects.count() == 2
    assert not Experiment.objects.get().takes_pushes
    assert not OpenEpisode.objects.exists()


@pytest.mark.parametrize("restart", [False, True])
def test_opening_a_trial_does_not_hang_with_the_end_of_the_one_before(
    experiment: Experiment, restart: bool
) -> None:
    if restart:
        pushed.begin(experiment, "d1", 3, steps=1)

    during(
        lock_task,
        lambda: pushing.open_episode(experiment, "d1", 3, "Get out.", restart=restart),
        then=lambda: pushed.end(experiment, "d1", 2, 1.0),
    )

    assert Episode.objects.count() == 2
    assert not OpenEpisode.objects.get(trial=3).steps.exists()


def test_steps_of_one_episode_that_overlap_do_not_hang(experiment: Experiment) -> None:
    during(
        lock_task,
        lambda: pushed.send(experiment, "d1", 2, STEPS[:1], first=2),
        then=lambda: pushed.send(experiment, "d1", 2, STEPS[:1], first=3),
    )

    steps = OpenEpisode.objects.get().steps
    assert list(steps.values_list("index", flat=True)) == [0, 1, 2, 3]
