"""One click plays an adapter beside its frozen twin, as a person does it on the adapter's page."""

from dataclasses import replace
from pathlib import Path

import pytest
from django.db import transaction

from retro_core.config import PRESETS, ChatTemplate, ExperimentConfig, ReflectionConfig
from tests.webapp.pages import text
from tests.webapp.played import client_of, played_experiment
from tests.webapp.training_world import made_adapter
from webapp.adapters.models import Adapter, Evaluation, Promotion
from webapp.adapters.services import evaluating
from webapp.episodes.models import Reflection
from webapp.experiments.models import Experiment
from webapp.experiments.services import config_of
from webapp.tasks.models import TaskSet
from webapp.training.models import TrainingRun
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.runs import launch
from webapp.training.services.snapshots import freeze
from webapp.training.services.specs import preset_spec

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("broker")]


@pytest.fixture
def made(tmp_path: Path) -> Adapter:
    """An adapter that no run of this studio made."""
    return made_adapter(tmp_path / "alone", "alone")


def learned(adapter: Adapter, chat_template: ChatTemplate) -> None:
    """Have it made by a run on every reflection there is."""
    Reflection.objects.update(prompt="What went wrong?", effective_rating=1.0)
    spec = preset_spec("sft", "cpu-small")
    spec = replace(spec, tokens=replace(spec.tokens, chat_template=chat_template))
    run = launch(name="it", snapshot=freeze(BufferQuery(), name="it"), spec=spec, preset="x")
    TrainingRun.objects.filter(pk=run.pk).update(adapter=adapter)


def test_an_evaluation_as_proposed_plays_new_tasks_of_a_held_out_split(
    made: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluating.server, "load", lambda adapter: True)
    researcher = client_of("researcher")
    form = researcher.get(f"/adapters/{made.pk}/").context["evaluate_form"]
    values = {field.html_name: field.value() for field in form}
    sent = {name: value for name, value in values.items() if value is not None}

    answer = researcher.post(f"/adapters/{made.pk}/evaluate/", sent | {"count": "2"})

    assert answer.status_code == 302
    done = Evaluation.objects.get()
    assert done.trained.task_set == done.frozen.task_set
    assert done.trained.task_set.name == "alfworld valid_unseen, 2 tasks, seed 0"
    assert (done.trained.adapter, done.frozen.adapter) == ("alone-v1", "")


def test_an_evaluation_that_is_refused_leaves_no_new_tasks(made: Adapter, settings) -> None:
    settings.REFLECTOR_URL = "http://127.0.0.1:9"
    sent = {"split": "alfworld:valid_unseen", "count": 2, "preset": "embedded", "trials": 2}

    answer = client_of("researcher").post(f"/adapters/{made.pk}/evaluate/", sent | {"seed": 0})

    assert answer.status_code == 422
    assert "did not do it" in text(answer)
    assert not TaskSet.objects.exists()


def test_a_second_click_starts_no_second_evaluation(
    made: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluating.server, "load", lambda adapter: True)
    researcher, path = client_of("researcher"), f"/adapters/{made.pk}/evaluate/"
    sent = {"split": "alfworld:valid_unseen", "count": "1", "preset": "embedded", "trials": "2"}

    first = researcher.post(path, sent | {"seed": "0"})
    second = researcher.post(path, sent | {"seed": "0"})
    other = researcher.post(path, sent | {"seed": "0", "trials": "3"})

    assert [answer.status_code for answer in (first, second, other)] == [302, 422, 302]
    assert "This evaluation is under way already: alone-v1 on" in text(second)
    assert Evaluation.objects.count() == 2


def test_the_server_is_asked_before_anything_is_locked(
    made: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks: list[int] = []
    outside = len(transaction.get_connection().savepoint_ids)

    def load(adapter: Adapter) -> bool:
        blocks.append(len(transaction.get_connection().savepoint_ids) - outside)
        return True

    monkeypatch.setattr(evaluating.server, "load", load)
    sent = {"split": "alfworld:valid_unseen", "count": "1", "preset": "embedded", "trials": "2"}

    client_of("researcher").post(f"/adapters/{made.pk}/evaluate/", sent | {"seed": "0"})

    assert blocks == [0]


def test_both_are_asked_in_the_form_that_the_adapter_learned_from(
    made: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluating.server, "load", lambda adapter: True)
    learned_from = played_experiment("plans")
    config = ExperimentConfig(
        method="reflexion",
        reflection=ReflectionConfig(examples=0, temperature=0.25, protocol="hindsight", sample=3),
    )
    Experiment.objects.filter(pk=learned_from.pk).update(config=config.to_json())
    learned(made, chat_template="chatml")
    sent = {"split": "alfworld:valid_unseen", "count": "1", "preset": "embedded"}
    path = f"/adapters/{made.pk}/evaluate/"

    researcher = client_of("researcher")
    for choice in ({"as_trained": "on"}, {}):
        researcher.post(path, sent | choice | {"trials": "2", "seed": "0"})

    as_trained, as_set = Evaluation.objects.order_by("pk")
    for experiment in (as_trained.trained, as_trained.frozen):
        asked = config_of(experiment).reflection
        assert (asked.examples, asked.temperature) == (0, 0.25)
        assert (asked.protocol, asked.sample) == ("tgi", 0)
    assert config_of(as_set.trained).reflection == PRESETS["embedded"].reflection


@pytest.mark.parametrize("source", ["played", "imported"])
def test_both_are_asked_in_the_chat_template_that_the_adapter_was_trained_with(
    source: str, made: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluating.server, "load", lambda adapter: True)
    played_experiment("plans")
    Experiment.objects.update(source=source)
    learned(made, chat_template="llama3")
    sent = {"split": "alfworld:valid_unseen", "count": "1", "preset": "embedded"}

    client_of("researcher").post(
        f"/adapters/{made.pk}/evaluate/", sent | {"as_trained": "on", "trials": "2", "seed": "0"}
    )

    done = Evaluation.objects.get()
    for experiment in (done.trained, done.frozen):
        assert config_of(experiment).reflection.chat_template == "llama3"


def test_a_roll_back_from_an_old_page_takes_nothing_else_back(
    made: Adapter, tmp_path: Path
) -> None:
    bad, good, researcher = made, made_adapter(tmp_path / "b", "good"), client_of("researcher")
    Adapter.objects.filter(pk=bad.pk).update(stage="production")
    page = text(researcher.get("/adapters/"))
    Adapter.objects.filter(pk=bad.pk).update(stage="candidate")
    Adapter.objects.filter(pk=good.pk).update(stage="production")

    answer = researcher.post("/adapters/roll-back/", {"seen": bad.pk}, follow=True)

    assert f'name="seen" value="{bad.pk}"' in page
    assert f"Meanwhile {good} is in production: look again." in text(answer)
    assert not Promotion.objects.exists()
