"""Trying an adapter asks for what an experiment would ask for."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from django.test import Client

from retro_core.envs.alfworld.generator import generate
from tests.webapp.played import client_of, play
from tests.webapp.training_world import made_adapter
from webapp.adapters.services import server
from webapp.adapters.services.trying import grammar_of
from webapp.episodes.models import Reflection
from webapp.experiments.models import Experiment
from webapp.experiments.services import create_experiment
from webapp.learning.protocol import PROTOCOLS, base_config
from webapp.tasks.services import save_task_set

pytestmark = pytest.mark.django_db


@pytest.fixture
def failure() -> Reflection:
    """A reflection on a household game that was lost twice."""
    (task,) = generate(count=1, split="train", seed=3)
    tasks = save_task_set("one", "alfworld", "train", [task], source="by hand")
    config = replace(base_config(PROTOCOLS["tiny"]), method="reflexion")
    made = create_experiment(name="house", task_set=tasks, config=config)
    play(made.experiment_tasks.select_related("task").get(), [0.0, 0.0])
    return Reflection.objects.get()


def test_a_played_failure_asks_for_a_structured_plan(failure: Reflection) -> None:
    grammar = grammar_of(failure)

    assert grammar.startswith("Mistake: ")
    assert "Plan:" in grammar
    assert not re.fullmatch(grammar, "I was wrong.")


def test_an_imported_failure_is_answered_in_free_text(failure: Reflection) -> None:
    Experiment.objects.update(source=Experiment.Source.IMPORTED)
    failure.experiment.refresh_from_db()

    assert grammar_of(failure) == ""


def test_the_page_asks_with_the_grammar(
    failure: Reflection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(*given: object) -> server.Beside:
        asked.append(str(given[-1]))
        return server.Beside("x", "the frozen text", "the tuned text")

    monkeypatch.setattr(server, "try_on", answer)
    adapter, client = made_adapter(tmp_path / "a"), client_of("researcher")

    page = _try(client, adapter.pk, failure)

    assert asked == [grammar_of(failure)]
    assert "the tuned text" in page


def _try(client: Client, adapter: int, failure: Reflection) -> str:
    fields = {"reflection": failure.pk, "seed": 0}
    return client.post(f"/adapters/{adapter}/try/", fields).content.decode()
