"""One click plays an adapter beside its frozen twin, as a person does it on the adapter's page."""

from pathlib import Path

import pytest

from tests.webapp.pages import text
from tests.webapp.played import client_of
from tests.webapp.training_world import made_adapter
from webapp.adapters.models import Adapter, Evaluation
from webapp.adapters.services import evaluating
from webapp.tasks.models import TaskSet

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(tmp_path: Path) -> Adapter:
    """An adapter that no run of this studio made."""
    return made_adapter(tmp_path / "alone", "alone")


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
