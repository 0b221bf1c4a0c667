"""Luck alone beside luck and reflections: what is told, and what it needs."""

from dataclasses import replace

import pytest

from retro_core.errors import InvalidInput
from tests.webapp.played import played_experiment
from webapp.episodes.models import Episode
from webapp.learning.luck import ALONE, PLAIN, TUNED, Lucky, lines, run
from webapp.learning.protocol import PROTOCOLS, luck, trained_arm, with_luck

pytestmark = pytest.mark.django_db
SHORT = replace(PROTOCOLS["small"], trials=2)


def test_every_arm_stands_beside_luck_alone() -> None:
    arms = {name: played_experiment(name) for name in (ALONE, PLAIN, TUNED)}
    Episode.objects.exclude(experiment=arms[TUNED]).update(success=False)

    told = list(lines(Lucky(SHORT, arms)))

    assert told[2].startswith("| resample | 0 [0, 0] | 0 [0, 0] |  |  |")
    assert "| +0 [0, 0] | 1.000 |" in told[3]
    assert "| +67 [0, 100] | 0.500 |" in told[4]
    assert told[-1] == f"{TUNED} against {PLAIN}: +67 points [0, 100], p 0.500."


def test_the_actor_draws_as_that_of_resample_and_nothing_else_differs() -> None:
    small = PROTOCOLS["small"]

    lucky = with_luck(trained_arm(small), small)

    assert (lucky.actor, lucky.seed) == (luck(small, 1).actor, luck(small, 1).seed)
    assert replace(lucky, actor=trained_arm(small).actor) == trained_arm(small)


def test_without_a_tuned_reflector_it_says_what_to_do() -> None:
    with pytest.raises(InvalidInput, match="run `make learn` first"):
        run(SHORT, print)
