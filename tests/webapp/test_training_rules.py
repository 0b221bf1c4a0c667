"""What must always hold of snapshots, training runs and adapters."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from retro_core.errors import InvalidInput
from retro_core.training.outcome import Outcome
from retro_core.training.presets import PRESETS
from tests.webapp.played import played_experiment
from tests.webapp.training_world import made_adapter, taken_snapshot
from webapp.adapters.models import Adapter
from webapp.adapters.services.evaluating import evaluate
from webapp.adapters.services.promoting import promote, roll_back
from webapp.adapters.services.registry import Made, adapter_folder, register
from webapp.episodes.models import Reflection
from webapp.experiments.models import Experiment
from webapp.tasks.models import TaskSet
from webapp.training.models import SnapshotItem, TrainingRun
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.ending import end, fail, finish
from webapp.training.services.pipelines import launch_pipeline
from webapp.training.services.runs import launch, stop
from webapp.training.services.snapshots import freeze, stored_lines

pytestmark = pytest.mark.django_db
SFT = PRESETS["cpu-small"]["sft"]


def queued_run(name: str = "first") -> TrainingRun:
    return launch(name=name, snapshot=taken_snapshot(name), spec=SFT, preset="cpu-small")


def test_a_snapshot_keeps_its_ratings_when_people_change_theirs() -> None:
    snapshot = taken_snapshot()

    Reflection.objects.update(effective_rating=-1.0, human_rating=-1.0)
    Reflection.objects.all().delete()

    ratings = snapshot.items.order_by("rating").values_list("rating", flat=True)
    assert list(ratings) == [0.5, 0.75]
    whole = b"".join(stored_lines(snapshot))
    assert hashlib.sha256(whole).hexdigest() == snapshot.sha256


def test_the_database_refuses_to_change_a_frozen_item() -> None:
    snapshot = taken_snapshot()

    with pytest.raises(DatabaseError, match="frozen"), transaction.atomic():
        snapshot.items.update(rating=5.0)


def test_people_are_counted_and_their_changes_of_sign() -> None:
    played_experiment()
    first = Reflection.objects.order_by("pk")[0]
    Reflection.objects.filter(pk=first.pk).update(human_rating=-0.5, effective_rating=-0.5)

    counts = freeze(BufferQuery(validation_share=0.0, repeats="keep"), name="x").counts

    assert (counts["rated_by_people"], counts["sign_changed_by_people"]) == (1, 1)
    assert (counts["train"]["helped"], counts["train"]["hurt"]) == (1, 1)


def test_a_query_can_ask_for_the_ratings_of_people_alone() -> None:
    played_experiment()
    first = Reflection.objects.order_by("pk")[0]
    Reflection.objects.filter(pk=first.pk).update(human_rating=-0.25)

    snapshot = freeze(BufferQuery(rating_source="human", validation_share=0.0), name="x")

    assert [item.rating for item in snapshot.items.all()] == [-0.25]


def test_equal_texts_to_equal_prompts_are_taken_once() -> None:
    played_experiment("one")
    played_experiment("two")  # the same two texts, so four reflections to one prompt

    taken = freeze(BufferQuery(validation_share=0.0), name="exact")
    kept = freeze(BufferQuery(validation_share=0.0, repeats="keep"), name="kept")

    assert (taken.items_count, kept.items_count) == (1, 4)


def test_no_task_is_in_both_splits() -> None:
    played_experiment()

    for seed in range(6):
        query = BufferQuery(validation_share=0.5, seed=seed, repeats="keep")
        items = SnapshotItem.objects.filter(snapshot=freeze(query, name=str(seed)))
        train = set(items.filter(split="train").values_list("task_key", flat=True))
        held = set(items.filter(split="validation").values_list("task_key", flat=True))
        assert not train & held


def test_one_worker_claims_a_run() -> None:
    run = queued_run()

    first = TrainingRun.objects.claim(run.pk, "one")
    second = TrainingRun.objects.claim(run.pk, "two")

    assert first is not None
    assert (first.status, first.lease_holder, second) == ("starting", "one", None)


def test_a_dead_workers_run_is_lost_and_can_be_claimed_again() -> None:
    run = queued_run()
    TrainingRun.objects.claim(run.pk, "dead")
    past = timezone.now() - timedelta(seconds=1)
    TrainingRun.objects.update(lease_expires_at=past)

    assert TrainingRun.objects.mark_lost() == 1
    assert TrainingRun.objects.get().status == "lost"
    assert TrainingRun.objects.claim(run.pk, "alive") is not None
    assert not fail(run.pk, "dead", code="crashed", reason="too late")


def test_a_stop_asked_for_before_the_worker_died_has_happened() -> None:
    run = queued_run()
    TrainingRun.objects.claim(run.pk, "dead")
    stop(run.pk)
    TrainingRun.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))

    TrainingRun.objects.mark_lost()

    assert TrainingRun.objects.get().status == "stopped"


def test_a_run_is_not_done_without_an_adapter() -> None:
    run = queued_run()
    TrainingRun.objects.claim(run.pk, "one")

    with pytest.raises(IntegrityError), transaction.atomic():
        end(run.pk, "one", status="done")


def test_a_damaged_folder_becomes_no_adapter(tmp_path: Path) -> None:
    folder = tmp_path / "half"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"half")
    (folder / "adapter_config.json").write_text("{}")

    with pytest.raises(InvalidInput, match="its sum differs"):
        register(folder, Made("policy", "house", "0" * 64, "", steps=1))

    assert not Adapter.objects.exists()


def test_versions_count_up_and_keep_their_files(tmp_path: Path) -> None:
    first = made_adapter(tmp_path / "a")
    second = made_adapter(tmp_path / "a")

    assert (first.name, second.name) == ("house-v1", "house-v2")
    assert adapter_folder(first).is_dir()
    assert adapter_folder(second).is_dir()


def test_a_reward_model_lies_where_the_model_server_does_not_look(tmp_path: Path) -> None:
    scorer = made_adapter(tmp_path / "r", "scorer", kind="reward_model")

    assert adapter_folder(scorer).parent.name == "reward-models"


def test_a_pipeline_hands_its_adapters_on(tmp_path: Path) -> None:
    pipeline = launch_pipeline(name="chain", snapshot=taken_snapshot(), preset="cpu-small", seed=0)
    sft, scoring, ppo = pipeline.runs.order_by("place")
    tuned = made_adapter(tmp_path / "a", "tuned")
    scorer = made_adapter(tmp_path / "b", "scorer", kind="reward_model")

    for run, adapter in ((sft, tuned), (scoring, scorer)):
        TrainingRun.objects.claim(run.pk, "worker")
        assert finish(run, "worker", adapter, Outcome("done", step=30))

    ppo.refresh_from_db()
    assert (ppo.status, ppo.parent, ppo.reward_model) == ("queued", tuned, scorer)


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
        settings.REFLECTOR_URL = url
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


def test_a_server_that_is_away_promotes_nothing(settings, tmp_path: Path) -> None:
    settings.REFLECTOR_URL = "http://127.0.0.1:9"
    adapter = made_adapter(tmp_path / "a")

    with pytest.raises(InvalidInput, match="model server at"):
        promote(adapter, to="staging", reason="x", person=None)


def test_an_evaluation_is_two_experiments_that_differ_in_the_adapter_alone(
    model_server: ModelServer, tmp_path: Path
) -> None:
    played_experiment()
    adapter = made_adapter(tmp_path / "a")
    tasks = TaskSet.objects.get()

    made = evaluate(adapter, task_set=tasks, preset="embedded", trials=2, seed=5, owner=None)

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

    with pytest.raises(InvalidInput, match="was trained on 2 tasks"):
        evaluate(
            adapter, task_set=TaskSet.objects.get(), preset="embedded", trials=2, seed=0, owner=None
        )
