"""The claim again on fresh games: what is told, and what it needs."""

from dataclasses import replace

import pytest

from retro_core.errors import InvalidInput
from tests.webapp.played import played_experiment
from webapp.episodes.models import Episode
from webapp.experiments.models import Experiment
from webapp.learning.protocol import PROTOCOLS
from webapp.learning.replication import PLAIN, TUNED, Replication, lines, run

pytestmark = pytest.mark.django_db
SHORT = replace(PROTOCOLS["small"], trials=3)


def lost(experiment: Experiment) -> None:
    """Turn every success of an experiment round."""
    Episode.objects.filter(experiment=experiment).update(success=False)


def test_the_difference_of_both_arms_is_told_with_its_interval() -> None:
    plain, tuned = played_experiment("plain"), played_experiment("tuned")
    lost(plain)

    told = list(lines(Replication(SHORT, {PLAIN: plain, TUNED: tuned})))

    assert told[2].startswith("| reflexion | 0 [0, 0] | 0 [0, 0] | 0 [0, 0] |")
    assert told[3].startswith("| retroformer sft | 33 [")
    assert told[-1].startswith("retroformer sft against reflexion: +67 points [0, 100], p 0.500")


def test_without_a_tuned_reflector_it_says_what_to_do() -> None:
    with pytest.raises(InvalidInput, match="run `make learn` first"):
        run(SHORT, print)
