"""Trying or probing an adapter asks for what an experiment would ask for."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from retro_core.config import ChatTemplate, ReflectionConfig
from retro_core.envs.alfworld.generator import generate
from tests.core.loopback import Answer, serving
from tests.webapp.played import client_of, play
from tests.webapp.training_world import made_adapter
from webapp.adapters.models import Adapter
from webapp.adapters.services import server
from webapp.adapters.services.trying import grammar_of
from webapp.episodes.models import Reflection
from webapp.experiments.models import Experiment
from webapp.experiments.services import create_experiment
from webapp.learning.protocol import PROTOCOLS, base_config
from webapp.tasks.services import save_task_set
from webapp.training.models import TrainingRun
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.runs import launch
from webapp.training.services.snapshots import freeze
from webapp.training.services.specs import preset_spec

pytestmark = pytest.mark.django_db
NO_ROUTE = Answer({"error": "Adapters are read at the start."}, status=404)
LLAMA3, CHATML = "<|begin_of_text|>", "<|im_start|>"


@pytest.fixture
def failure() -> Reflection:
    """A reflection on a household game that was lost twice."""
    (task,) = generate(count=1, split="train", seed=3)
    tasks = save_task_set("one", "alfworld", "train", [task], source="by hand")
    config = replace(base_config(PROTOCOLS["tiny"]), method="reflexion")
    made = create_experiment(name="house", task_set=tasks, config=config)
    play(made.experiment_tasks.select_related("task").get(), [0.0, 0.0])
    return Reflection.objects.get()


@pytest.fixture
def adapter(tmp_path: Path) -> Adapter:
    """One that no run of this studio made."""
    return made_adapter(tmp_path / "a")


def asked_of(failure: Reflection, **settings: Any) -> None:
    """Its experiment asked with these settings."""
    config = base_config(PROTOCOLS["tiny"])
    config = replace(config, reflection=replace(config.reflection, **settings))
    Experiment.objects.filter(pk=failure.experiment_id).update(config=config.to_json())


def trained(adapter: Adapter, chat_template: ChatTemplate) -> None:
    spec = preset_spec("sft", "cpu-small")
    spec = replace(spec, tokens=replace(spec.tokens, chat_template=chat_template))
    query = BufferQuery(validation_share=0.0, repeats="keep")
    run = launch(name="it", snapshot=freeze(query, name="it"), spec=spec, preset="cpu-small")
    TrainingRun.objects.filter(pk=run.pk).update(adapter=adapter)


def wrote(text: str) -> Answer:
    details = {"finish_reason": "length", "generated_tokens": 3, "prefill": [], "tokens": []}
    return Answer([{"generated_text": text, "details": details}])


def tried(adapter: Adapter, failure: Reflection, settings: Settings) -> tuple[str, dict[str, Any]]:
    """The page, and what the model server was asked with the adapter."""
    sent = {"reflection": failure.pk, "seed": 5}
    with serving(NO_ROUTE, wrote("the frozen text"), wrote("the tuned text")) as model:
        settings.REFLECTOR_URL = model.url
        page = client_of("researcher").post(f"/adapters/{adapter.pk}/try/", sent)
    return page.content.decode(), model.bodies[2]


def probed(adapter: Adapter, settings: Settings) -> str:
    """The text that a probe asks the model server to continue."""
    with serving(wrote("the frozen text"), wrote("the tuned text")) as model:
        settings.REFLECTOR_URL = model.url
        server.probe(adapter, ["You failed."])
    text: str = model.bodies[1]["inputs"]
    return text


def test_a_played_failure_asks_for_a_structured_plan(failure: Reflection) -> None:
    grammar = grammar_of(failure)

    assert grammar.startswith("Mistake: ")
    assert "Plan:" in grammar
    assert not re.fullmatch(grammar, "I was wrong.")


def test_an_imported_failure_is_answered_in_free_text(failure: Reflection) -> None:
    Experiment.objects.update(source=Experiment.Source.IMPORTED)
    failure.experiment.refresh_from_db()

    assert grammar_of(failure) == ""


def test_the_page_asks_as_the_failures_own_experiment_does(
    failure: Reflection, adapter: Adapter, settings: Settings
) -> None:
    asked_of(failure, max_tokens=224, temperature=0.25, top_p=0.5, chat_template="llama3")

    page, asked = tried(adapter, failure, settings)

    how = asked["parameters"]
    assert (how["adapter_id"], how["seed"]) == ("house-v1", 5)
    assert (how["max_new_tokens"], how["temperature"], how["top_p"]) == (224, 0.25, 0.5)
    assert how["grammar"]["value"] == grammar_of(failure)
    assert how["stop"] == ["<|eot_id|>"]
    assert asked["inputs"].startswith(LLAMA3)
    assert "the tuned text" in page


def test_an_imported_failure_is_tried_with_the_usual_settings(
    failure: Reflection, adapter: Adapter, settings: Settings
) -> None:
    asked_of(failure, max_tokens=224, chat_template="llama3")
    Experiment.objects.update(source=Experiment.Source.IMPORTED)

    _, asked = tried(adapter, failure, settings)

    assert asked["parameters"]["max_new_tokens"] == ReflectionConfig().max_tokens
    assert asked["inputs"].startswith(CHATML)


def test_an_adapter_is_tried_and_probed_in_the_chat_template_of_its_training(
    failure: Reflection, adapter: Adapter, settings: Settings
) -> None:
    trained(adapter, chat_template="llama3")  # the experiment that it learned from says chatml

    assert tried(adapter, failure, settings)[1]["inputs"].startswith(LLAMA3)
    assert probed(adapter, settings).startswith(LLAMA3)


def test_an_adapter_made_elsewhere_is_probed_as_its_newest_experiment_asks(
    failure: Reflection, settings: Settings
) -> None:
    by_hand = Adapter(name="by-hand")
    assert probed(by_hand, settings).startswith(CHATML)

    asked_of(failure, chat_template="llama3")
    Experiment.objects.update(adapter="by-hand")

    assert probed(by_hand, settings).startswith(LLAMA3)
