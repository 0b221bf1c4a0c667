"""What the table says of the reward model on tasks that nothing learned from."""

import pytest

from tests.webapp.played import played_experiment
from webapp.episodes.models import Reflection
from webapp.experiments.models import Experiment
from webapp.learning.protocol import BEST_OF_N, PLAIN_BEST_OF_N, PROTOCOLS
from webapp.learning.ranking import lines
from webapp.learning.running import Measured

pytestmark = pytest.mark.django_db


def measured(ranked: Experiment, plain: Experiment) -> Measured:
    arms = {BEST_OF_N: ranked, PLAIN_BEST_OF_N: plain}
    return Measured(PROTOCOLS["small"], arms, {}, [])


def give(experiment: Experiment, rating: float, scores: list[float]) -> None:
    """The same rating and candidate scores for all reflections of an experiment."""
    candidates = [
        {"text": "Go.", "seed": place, "score": score} for place, score in enumerate(scores)
    ]
    Reflection.objects.filter(experiment=experiment).update(
        automatic_rating=rating, candidates=candidates
    )


def test_chosen_reflections_are_ranked_by_their_best_score() -> None:
    ranked, plain = played_experiment("ranked"), played_experiment("plain")
    give(ranked, 1.0, [0.1, 0.9])
    give(plain, 0.0, [0.2, 0.3])

    told = list(lines(measured(ranked, plain)))

    # Both good reflections were chosen at 0.9 and both bad ones at 0.3: every pair is in order.
    # All were written after trial 1, so that the trial number tells nothing.
    assert told[-1].startswith("| 4 chosen reflections of 2 tasks, 2 accepted | 1.00 [")
    assert "| 0.50 [" in told[-1]


def test_without_a_ranked_reflection_nothing_is_claimed() -> None:
    ranked, plain = played_experiment("ranked"), played_experiment("plain")

    assert list(lines(measured(ranked, plain))) == [
        "No ranked reflection was rated on the unseen tasks."
    ]
