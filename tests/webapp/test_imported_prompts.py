"""Reflection prompts of imported trials: built here, because logs hold only the answers."""

import pytest

from tests.webapp.test_import_episodes import as_lines, record
from webapp.episodes.importing import import_episodes
from webapp.episodes.models import Reflection

pytestmark = pytest.mark.django_db


def test_an_imported_trial_has_the_reflection_prompt_that_this_studio_would_ask() -> None:
    step = {"thought": "", "action": "Search[Holm]", "observation": "A village."}
    question = {"environment": "hotpotqa", "goal": "Who lives in Holm?", "steps": [step]}
    log = as_lines(
        record(**question, truncated=True, reflection="Open Lyngby."),
        record(**question, trial=2, reflection="Open Holm again."),
    )

    import_episodes(log, source="log")

    first, second = Reflection.objects.order_by("episode__trial")
    assert "Who lives in Holm?" in first.prompt
    assert "> Search[Holm]\nA village." in first.prompt
    assert "stopped before the end" in first.prompt
    assert "Open Lyngby." not in first.prompt
    assert "Open Lyngby." in second.prompt
    assert "Open Holm again." not in second.prompt


def test_a_trial_without_steps_or_of_an_unknown_environment_gets_no_prompt() -> None:
    log = as_lines(
        record(environment="hotpotqa", steps=[], experiment="one"),
        record(environment="nowhere", experiment="two", task_id="n1"),
    )

    import_episodes(log, source="log")

    assert list(Reflection.objects.values_list("prompt", flat=True)) == ["", ""]


def test_importing_again_fills_the_prompts_that_lack() -> None:
    step = {"thought": "", "action": "Search[Holm]", "observation": "A village."}
    log = as_lines(record(environment="hotpotqa", steps=[step]))
    import_episodes(log, source="log")
    Reflection.objects.update(prompt="")

    import_episodes(log, source="log")

    assert "Search[Holm]" in Reflection.objects.get().prompt


def test_a_trial_that_no_prompt_has_room_for_is_imported_without_one() -> None:
    step = {"thought": "", "action": "Search[Holm]", "observation": "A village."}
    endless = record(environment="hotpotqa", goal="Who lives there? " * 200, steps=[step])

    import_episodes(as_lines(endless), source="log")

    assert Reflection.objects.get().prompt == ""
