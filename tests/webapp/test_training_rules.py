"""What must always hold of snapshots, training runs and adapters."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from retro_core.errors import InvalidInput
from retro_core.training.outcome import Outcome
from retro_core.training.presets import PRESETS
from tests.webapp.played import played_experiment
from tests.webapp.training_world import made_adapter, taken_snapshot
from webapp.adapters.models import Adapter
from webapp.adapters.services.registry import Made, adapter_folder, register
from webapp.episodes.models import Reflection
from webapp.training.models import Snapshot, SnapshotItem, TrainingRun
from webapp.training.services.buffer import BufferQuery
from webapp.training.services.ending import end, fail, finish, give_back
from webapp.training.services.pipelines import launch_pipeline
from webapp.training.services.runs import delete, launch, restore, resume, stop
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


def test_a_run_that_was_handed_back_in_good_order_has_ended_no_worker() -> None:
    run = queued_run()
    TrainingRun.objects.claim(run.pk, "leaving")

    assert give_back(run.pk, "leaving")

    run.refresh_from_db()
    assert (run.status, run.unfinished_claims) == ("queued", 0)


def test_a_deleted_run_is_restored_before_it_goes_on() -> None:
    run = queued_run()
    assert stop(run.pk)
    assert delete(run.pk)

    assert not resume(run.pk)
    assert restore(run.pk)
    assert resume(run.pk)


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


def test_a_stage_that_was_stopped_before_its_turn_waits_for_it_again(tmp_path: Path) -> None:
    pipeline = launch_pipeline(name="chain", snapshot=taken_snapshot(), preset="cpu-small", seed=0)
    sft, scoring, ppo = pipeline.runs.order_by("place")
    assert stop(scoring.pk)
    assert stop(ppo.pk)
    TrainingRun.objects.claim(sft.pk, "worker")
    assert finish(sft, "worker", made_adapter(tmp_path / "a", "tuned"), Outcome("done", step=30))

    assert resume(ppo.pk)
    assert resume(scoring.pk)

    statuses = pipeline.runs.order_by("place").values_list("status", flat=True)
    assert list(statuses) == ["done", "queued", "waiting"]


@pytest.mark.parametrize("kind", ["snapshot", "training run", "pipeline"])
def test_of_two_forms_with_one_name_sent_at_once_the_later_is_refused(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = taken_snapshot("twice")
    query = BufferQuery(validation_share=0.0, repeats="keep")
    send = {
        "snapshot": lambda: freeze(query, name="twice"),
        "training run": lambda: launch(name="it", snapshot=snapshot, spec=SFT, preset="x"),
        "pipeline": lambda: launch_pipeline(
            name="it", snapshot=snapshot, preset="cpu-small", seed=0
        ),
    }[kind]
    if kind != "snapshot":
        send()
    monkeypatch.setattr(QuerySet, "exists", lambda rows: False)  # the other is not stored yet

    with pytest.raises(InvalidInput, match=f"There is a {kind} named"):
        send()

    assert Snapshot.objects.count() == 1  # the transaction around it goes on
