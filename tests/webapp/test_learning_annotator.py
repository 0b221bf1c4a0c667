"""The simulated annotator: noise in copies alone, and corrections through the annotation tables."""

from dataclasses import replace

import pytest

from tests.webapp.played import played_experiment
from webapp.annotation.models import RatingEvent
from webapp.episodes.models import Reflection
from webapp.experiments.models import Experiment
from webapp.learning.annotator import _annotator, _queue, correct, truth_of
from webapp.learning.noise import noisy_copies
from webapp.learning.protocol import PROTOCOLS

pytestmark = pytest.mark.django_db
NOISY = replace(PROTOCOLS["small"], noise=1.0)


def ratings(experiment: Experiment) -> dict[str, tuple[float | None, float | None]]:
    """Automatic and effective rating by task."""
    rows = experiment.reflections.select_related("episode__task")
    return {row.episode.task.key: (row.automatic_rating, row.effective_rating) for row in rows}


def test_a_turned_retry_changes_the_rating_of_the_copy_and_not_of_the_original() -> None:
    original = played_experiment("learn small: sample 0")

    (copy,) = noisy_copies([original], NOISY)

    # doors-1: the retry that succeeded fails, 0 - 0.25; doors-2: the one that failed succeeds
    assert ratings(copy) == {"doors-1": (-0.25, -0.25), "doors-2": (1.0, 1.0)}
    assert ratings(original) == {"doors-1": (0.75, 0.75), "doors-2": (0.5, 0.5)}
    assert copy.name == "learn small: noisy sample 0"
    assert "turned round" in copy.notes


def test_without_noise_the_copy_has_the_ratings_of_the_original() -> None:
    original = played_experiment("learn small: sample 0")

    (copy,) = noisy_copies([original], replace(NOISY, noise=0.0))

    assert ratings(copy) == ratings(original)


def test_copies_are_made_once() -> None:
    original = played_experiment("learn small: sample 0")

    assert noisy_copies([original], NOISY) == noisy_copies([original], NOISY)
    assert Reflection.objects.count() == 4


def test_the_annotator_corrects_a_growing_share_as_events() -> None:
    original = played_experiment("learn small: sample 0")
    (copy,) = noisy_copies([original], NOISY)
    truth, person = truth_of([original], NOISY), _annotator()
    queue = _queue(NOISY, [copy], len(truth))

    assert sorted(truth.values()) == [0.5, 0.75]
    assert correct(queue, person, truth, 0.5) == (1, 1)
    assert correct(queue, person, truth, 1.0) == (2, 2)
    assert correct(queue, person, truth, 1.0) == (2, 2)  # again: nothing is answered twice
    assert ratings(copy) == {"doors-1": (-0.25, 0.75), "doors-2": (1.0, 0.5)}
    assert RatingEvent.objects.filter(reflection__experiment=copy).count() == 2
    assert {one.reasons[0] for one in person.responses.all()} == {"ignored", "lucky"}
