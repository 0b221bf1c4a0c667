"""A folder that belongs to another trainer, run or disk: refused or told, never overwritten."""

import errno
import json
from dataclasses import replace

import pytest

from retro_core.errors import InvalidInput
from retro_core.training import __main__ as trainer
from retro_core.training.adapters import CARD
from retro_core.training.failures import FolderTaken
from retro_core.training.launch import HEARTBEAT, STOP, TAKEN, prepare_resume
from retro_core.training.models import weights_digest
from retro_core.training.monitor import Monitor
from retro_core.training.outcome import RESULT, Outcome, read_outcome
from retro_core.training.run import claimed, run_training
from retro_core.training.spec import DatasetSpec
from tests.core.training_world import (
    make_base_model,
    tiny_spec,
    train,
    write_snapshot,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = tmp_path_factory.mktemp("failures")
    make_base_model(world / "base")
    write_snapshot(world / "snapshot.jsonl")
    return world


def test_a_folder_with_another_trainer_is_left_alone(world):
    out, spec = world / "busy", tiny_spec(world, "sft")

    with (
        claimed(out, spec),
        pytest.raises(FolderTaken, match="Another trainer"),
        claimed(out, spec),
    ):
        pass

    assert read_outcome(out) is None


def test_a_refused_trainer_leaves_its_mark_and_no_result(world, monkeypatch):
    out, spec = world / "held", tiny_spec(world, "sft")
    path = world / "held.json"
    path.write_text(json.dumps(spec.to_json()))
    monkeypatch.setattr("sys.argv", ["trainer", str(path), "--out", str(out)])

    with claimed(out, spec):
        exit_code = trainer.main()

    assert exit_code == 4
    assert (out / TAKEN).exists()
    assert read_outcome(out) is None


def test_a_process_whose_main_process_was_refused_writes_no_result(world):
    out = world / "beside-refused"
    spec = tiny_spec(world, "sft", dataset=DatasetSpec(path=str(world / "nowhere.jsonl")))
    out.mkdir()
    (out / TAKEN).touch()

    outcome = run_training(spec, out, Monitor(out, writes=False))

    assert outcome.status == "failed"
    assert read_outcome(out) is None


def test_a_folder_of_another_specification_names_what_differs(world):
    out, spec = world / "other-spec", tiny_spec(world, "sft")
    with claimed(out, spec):
        pass

    with (
        pytest.raises(InvalidInput, match="seed was 7 and is now 8"),
        claimed(out, replace(spec, seed=8)),
    ):
        pass


def test_a_specification_of_before_a_setting_came_is_the_same(world):
    out, spec = world / "old-spec", tiny_spec(world, "sft", checkpoint_every=20)
    out.mkdir()
    values = spec.to_json()
    del values["gradient_checkpointing"]
    (out / "spec.json").write_text(json.dumps(values))

    with claimed(out, spec):
        kept = json.loads((out / "spec.json").read_text())

    assert kept == spec.to_json()


def test_a_run_does_not_go_on_with_another_base_model(world):
    make_base_model(world / "base-3")
    base = replace(tiny_spec(world, "sft").base_model, folder=str(world / "base-3"))
    spec, out = tiny_spec(world, "sft", base_model=base), world / "rebased"
    train(spec, out, lambda monitor: monitor.request_stop())
    prepare_resume(out)
    make_base_model(world / "base-3", seed=1)

    outcome = train(spec, out)

    assert outcome.code == "wrong_base_model"


def test_a_run_that_goes_on_shows_no_beat_of_its_earlier_process(tmp_path):
    for name in (STOP, RESULT, HEARTBEAT, TAKEN):
        (tmp_path / name).touch()
    (tmp_path / "metrics.jsonl").touch()

    prepare_resume(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_no_space_for_the_result_is_told_by_the_exit_code(world, monkeypatch):
    path, out = world / "no-space.json", world / "no-space"
    path.write_text(json.dumps(tiny_spec(world, "sft").to_json()))
    out.mkdir()
    (out / ".reserve").symlink_to("/dev/full")
    monkeypatch.setattr("sys.argv", ["trainer", str(path), "--out", str(out)])
    monkeypatch.setattr(trainer, "write_outcome", _no_space)

    exit_code = trainer.main()

    assert read_outcome(out, exit_code).code == "disk_full"


def _no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(("exit_code", "code"), [(-9, "killed"), (137, "killed"), (1, "crashed")])
def test_an_ended_process_without_a_result(tmp_path, exit_code, code):
    assert read_outcome(tmp_path) is None
    assert read_outcome(tmp_path, exit_code).code == code
    assert read_outcome(tmp_path, exit_code).status == "failed"


def test_a_finished_run_leaves_heartbeat_card_and_result(world):
    outcome = train(tiny_spec(world, "sft"), world / "fine")

    card = json.loads((world / "fine/adapter" / CARD).read_text())
    assert (world / "fine" / HEARTBEAT).exists()
    assert card["checksum"] == outcome.checksum
    assert card["base_sha256"] == weights_digest(world / "base") == outcome.base_sha256
    assert isinstance(read_outcome(world / "fine"), Outcome)
