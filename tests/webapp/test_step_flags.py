"""What the episode page says of repaired replies, left out observations and ranked candidates."""

from dataclasses import replace

import pytest

from retro_core.types import Candidate, Reflection
from tests.webapp.pages import text
from tests.webapp.played import client_of, episode, new_experiment
from webapp.episodes.models import Episode
from webapp.episodes.services import record_episode, record_reflection

pytestmark = pytest.mark.django_db


def test_repairs_and_left_out_observations_show_on_their_steps() -> None:
    row = new_experiment().experiment_tasks.select_related("task")[0]
    played = episode(row.task.key, 1, 0.0, steps=2)
    told = [
        replace(played.steps[0], repaired=True),
        replace(played.steps[1], dropped_observations=7, prompt_sha256=""),
    ]
    record_episode(row, replace(played, steps=tuple(told)))

    page = text(client_of("viewer").get(f"/episodes/{Episode.objects.get().pk}/"))

    first, second = page.split('id="step-1"')[1].split('id="step-2"')[:2]
    assert ">repaired<" in first
    assert ">repaired<" not in second
    assert "7 old observations left out" in second


def test_the_candidates_stand_in_the_order_of_their_scores_with_the_chosen_one_marked() -> None:
    row = new_experiment().experiment_tasks.select_related("task")[0]
    record_episode(row, episode(row.task.key, 1, 0.0))
    candidates = (
        Candidate("Look.", 1, -0.25),
        Candidate("Open.", 2, 1.5),
        Candidate("No.", 3, 0.0),
    )
    written = Reflection(row.task.key, 1, "Why?", "Open.", candidates=candidates)
    record_reflection(row, written, repeat_share=0.9)

    page = text(client_of("viewer").get(f"/episodes/{Episode.objects.get().pk}/"))

    assert "Best of 3, ranked by the reward model" in page
    table = page.split("Candidates and their scores")[1]
    places = [table.index(words) for words in ("1.500", "chosen", "Open.", "0.000", "-0.250")]
    assert places == sorted(places)
    assert table.count("chosen") == 1
