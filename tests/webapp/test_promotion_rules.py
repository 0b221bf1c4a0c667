"""Promotion, roll back and evaluation against a model server that answers."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from retro_core.errors import InvalidInput
from retro_core.training.presets import PRESETS
from tests.core.loopback import Answer, serving
from tests.webapp.played import played_experiment
from tests.webapp.training_world import made_adapter, taken_snapshot
from webapp.adapters.models import Adapter
from webapp.adapters.services.evaluating import EvaluationRequest, evaluate
from webapp.adapters.services.promoting import promote, roll_back
from webapp.adapters.services.registry import adapter_folder
from webapp.experiments.models import Experiment
from webapp.tasks.models import TaskSet
from webapp.training.models import TrainingRun
from webapp.training.services.runs import launch

pytestmark = pytest.mark.django_db
SFT = PRESETS["cpu-small"]["sft"]


def queued_run(name: str = "first") -> TrainingRun:
    return launch(name=name, snapshot=taken_snapshot(name), spec=SFT, preset="cpu-small")


class ModelServer:
    """What the registry needs of a model server: adapters by name, and texts that may differ."""

    def __init__(self) -> None:
        self.adapters: dict[str, str] = {}
        self.deaf: set[str] = set()  # adapters that change nothing

    def load(self, body: dict[str, Any]) -> tuple[int, Any]:
        adapter = Adapter.objects.none().model(name=body["name"])
        weights = Path(adapter_folder(adapter)) / "adapter_model.safetensors"
        self.adapters[body["name"]] = hashlib.sha256(weights.read_bytes()).hexdigest()
        return 201, {"name": body["name"], "sha256": self.adapters[body["name"]]}

    def write(self, body: dict[str, Any]) -> tuple[int, Any]:
        name = body["parameters"].get("adapter_id") or ""
        text = "I was wrong." if name in self.deaf or not name else f"{name}: open it first."
        details = {"finish_reason": "length", "generated_tokens": 3, "prefill": [], "tokens": []}
        return 200, [{"generated_text": text, "details": details}]


@contextmanager
def served() -> Iterator[tuple[str, ModelServer]]:
    model = ModelServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            act = model.load if self.path == "/adapters" else model.write
            status, answer = act(body)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the test output quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}", model
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


@pytest.fixture
def model_server(settings) -> Iterator[ModelServer]:
    with served() as (url, model):
        settings.REFLECTOR_URL, settings.REFLECTOR_BASE_FOLDER = url, "/models/served"
        yield model


def test_promotion_loads_probes_and_keeps_the_reason(
    model_server: ModelServer, tmp_path: Path
) -> None:
    taken_snapshot()
    adapter = made_adapter(tmp_path / "a")

    change = promote(adapter, to="staging", reason="It plans.", person=None)

    assert adapter.stage == "staging"
    assert model_server.adapters == {"house-v1": adapter.weights_sha256}
    assert change.probe["base"] == "I was wrong."
    assert change.probe["adapter"] == "house-v1: open it first."


def test_an_adapter_that_changes_nothing_is_not_promoted(
    model_server: ModelServer, tmp_path: Path
) -> None:
    taken_snapshot()
    adapter = made_adapter(tmp_path / "a")
    model_server.deaf.add("house-v1")

    with pytest.raises(InvalidInput, match="the same as without it"):
        promote(adapter, to="production", reason="Hope.", person=None)

    adapter.refresh_from_db()
    assert adapter.stage == "candidate"
    assert not adapter.stage_changes.exists()


def test_roll_back_puts_the_one_before_into_production_again(
    model_server: ModelServer, tmp_path: Path
) -> None:
    taken_snapshot()
    first, second = made_adapter(tmp_path / "a"), made_adapter(tmp_path / "a")
    promote(first, to="production", reason="First.", person=None)
    promote(second, to="production", reason="Better.", person=None)

    assert roll_back(None) == first

    stages = dict(Adapter.objects.values_list("name", "stage"))
    assert stages == {"house-v1": "production", "house-v2": "staging"}
    assert roll_back(None) == second  # a second click takes the first one back


def test_an_adapter_in_production_is_not_promoted_down_to_staging(
    model_server: ModelServer, tmp_path: Path
) -> None:
    taken_snapshot()
    adapter = made_adapter(tmp_path / "a")
    promote(adapter, to="production", reason="First.", person=None)

    with pytest.raises(InvalidInput, match="only a roll back takes it out"):
        promote(adapter, to="staging", reason="Again.", person=None)

    assert Adapter.objects.in_production() == adapter


def test_one_that_was_rolled_back_is_not_put_into_production_by_the_next_roll_back(
    model_server: ModelServer, tmp_path: Path
) -> None:
    taken_snapshot()
    first, second = made_adapter(tmp_path / "a"), made_adapter(tmp_path / "a")
    promote(first, to="production", reason="First.", person=None)
    assert roll_back(None) is None
    promote(second, to="production", reason="Better.", person=None)

    assert roll_back(None) is None

    stages = dict(Adapter.objects.values_list("name", "stage"))
    assert stages == {"house-v1": "staging", "house-v2": "staging"}


def test_a_server_that_is_away_promotes_nothing(settings, tmp_path: Path) -> None:
    settings.REFLECTOR_URL = "http://127.0.0.1:9"
    adapter = made_adapter(tmp_path / "a")

    with pytest.raises(InvalidInput, match="model server at"):
        promote(adapter, to="staging", reason="x", person=None)


def test_another_server_at_the_address_promotes_nothing(settings, tmp_path: Path) -> None:
    adapter = made_adapter(tmp_path / "a")

    with serving(Answer("<html>Sign in</html>")) as stranger:
        settings.REFLECTOR_URL = stranger.url
        with pytest.raises(InvalidInput, match="it answered '<html>Sign in</html>'"):
            promote(adapter, to="staging", reason="x", person=None)


def test_an_evaluation_is_two_experiments_that_differ_in_the_adapter_alone(
    model_server: ModelServer, tmp_path: Path
) -> None:
    played_experiment()
    adapter = made_adapter(tmp_path / "a")
    tasks = TaskSet.objects.get()

    made = evaluate(adapter, EvaluationRequest(tasks, "embedded", trials=2, seed=5), None)

    trained, frozen = made.trained, made.frozen
    assert (trained.adapter, frozen.adapter) == ("house-v1", "")
    differing = [name for name in trained.config if trained.config[name] != frozen.config[name]]
    assert differing == ["method"]
    statuses = Experiment.objects.exclude(name="doors").values_list("status", flat=True)
    assert list(statuses) == ["queued", "queued"]


def test_no_evaluation_on_tasks_that_were_trained_on(
    model_server: ModelServer, tmp_path: Path
) -> None:
    run, adapter = queued_run(), made_adapter(tmp_path / "a")
    TrainingRun.objects.filter(pk=run.pk).update(adapter=adapter, status="done")

    asked = EvaluationRequest(TaskSet.objects.get(), "embedded", trials=2, seed=0)

    with pytest.raises(InvalidInput, match="was trained on 2 tasks"):
        evaluate(adapter, asked, None)
