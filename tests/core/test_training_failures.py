"""Each way a training run can fail ends with a reason that a person can act on."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from retro_core.training import __main__ as trainer
from retro_core.training.failures import explain
from retro_core.training.models import weights_digest
from retro_core.training.monitor import Monitor
from retro_core.training.outcome import read_outcome
from retro_core.training.run import claimed, run_training
from retro_core.training.spec import OptimisationSpec, RewardModelSpec
from tests.core.training_world import (
    make_base_model,
    reflections,
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


def failing(world, name, stage, **changes):
    """Train in a folder of its own; return the outcome after checking that it is on disk."""
    outcome = train(tiny_spec(world, stage, **changes), world / name)
    assert outcome.status == "failed"
    assert read_outcome(world / name) == outcome
    assert outcome.adapter == outcome.checksum == ""
    assert not (world / name / "adapter").exists()
    return outcome


def with_rows(world, name, rows):
    """The dataset setting of a snapshot of these rows."""
    write_snapshot(world / f"{name}.jsonl", rows)
    return replace(tiny_spec(world, "sft").dataset, path=str(world / f"{name}.jsonl"))


def test_an_empty_snapshot(world):
    outcome = failing(world, "empty", "sft", dataset=with_rows(world, "empty", []))

    assert outcome.code == "empty_snapshot"


def test_no_positively_rated_reflection(world):
    rows = [replace(row, rating=-1.0) for row in reflections()]

    outcome = failing(world, "negative", "sft", dataset=with_rows(world, "negative", rows))

    assert outcome.code == "empty_snapshot"
    assert "None of the 20 training reflections is rated above 0.0" in outcome.reason


@pytest.mark.parametrize(
    ("objective", "reason"),
    [
        ("bce", "20 of 20 training reflections are rated above 0.0"),
        ("regression", "All ratings are equal"),
        ("pairwise", "No failure has two reflections of different rating"),
    ],
)
def test_labels_of_one_class(world, objective, reason):
    rows = [replace(row, rating=1.0) for row in reflections()]
    dataset = with_rows(world, f"one-{objective}", rows)

    outcome = failing(
        world,
        f"one-class-{objective}",
        "reward_model",
        dataset=dataset,
        reward_model=RewardModelSpec(objective=objective),
    )

    assert outcome.code == "one_class_labels"
    assert reason in outcome.reason


def test_a_base_model_other_than_the_expected_one(world):
    base = replace(tiny_spec(world, "sft").base_model, sha256="0" * 64)

    outcome = failing(world, "other-base", "sft", base_model=base)

    assert outcome.code == "wrong_base_model"
    assert weights_digest(world / "base")[:12] in outcome.reason
    assert "000000000000" in outcome.reason


def test_a_parent_made_for_another_base_model(world):
    make_base_model(world / "base-2", seed=1)
    base = replace(tiny_spec(world, "sft").base_model, folder=str(world / "base-2"))
    train(tiny_spec(world, "sft", base_model=base), world / "foreign")

    outcome = failing(world, "child", "ppo", parent_adapter=str(world / "foreign/adapter"))

    assert outcome.code == "wrong_base_model"
    assert "Choose the base model it was made for" in outcome.reason


def test_a_parent_that_was_changed_after_it_was_made(world):
    train(tiny_spec(world, "sft"), world / "parent")
    (world / "parent/adapter/adapter_model.safetensors").open("ab").write(b"x")

    outcome = failing(world, "of-changed", "sft", parent_adapter=str(world / "parent/adapter"))

    assert outcome.code == "invalid_input"
    assert "was changed after it was made" in outcome.reason


def test_a_policy_is_no_reward_model(world):
    train(tiny_spec(world, "sft"), world / "policy")
    reward = replace(
        tiny_spec(world, "ppo").reward, kind="reward_model", folder=str(world / "policy/adapter")
    )

    outcome = failing(world, "judged-by-policy", "ppo", reward=reward)

    assert "is not a reward model" in outcome.reason


@pytest.mark.parametrize("stage", ["sft", "reward_model", "ppo", "grpo"])
def test_a_loss_that_is_not_a_number(world, stage):
    broken = world / "broken-base"
    if not broken.exists():
        make_base_model(broken)
        weights = load_file(broken / "model.safetensors")
        weights["model.norm.weight"][0] = float("nan")
        save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    base = replace(tiny_spec(world, stage).base_model, folder=str(broken))

    outcome = failing(world, f"nan-{stage}", stage, base_model=base)

    assert outcome.code == "nan_loss"
    assert not list((world / f"nan-{stage}").glob("checkpoint-*/SEALED"))


def test_a_full_disk(world):
    out = world / "full"
    out.mkdir()
    (out / "metrics.jsonl").symlink_to("/dev/full")

    outcome = failing(world, "full", "sft")

    assert outcome.code == "disk_full"
    assert "Free some space and resume" in outcome.reason


def test_a_full_disk_hidden_by_a_library():
    error = RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0")

    assert explain(error).code == "disk_full"


def test_memory_that_runs_out(world):
    def greedy(requests):
        return torch.zeros(2**58).tolist()

    out = world / "greedy"
    spec = tiny_spec(world, "ppo")
    with claimed(out, spec):
        outcome = run_training(spec, out, Monitor(out), reward=greedy)

    assert outcome.code == "out_of_memory"
    assert "Lower optimisation.micro_batch_size" in outcome.reason
    assert explain(torch.OutOfMemoryError("CUDA out of memory.")).code == "out_of_memory"
    assert explain(MemoryError()).code == "out_of_memory"


def test_four_bits_without_bitsandbytes_or_gpu(world):
    outcome = failing(world, "4bit", "sft", precision="4bit")

    assert outcome.code == "invalid_input"
    assert "pip install -e '.[gpu]'" in outcome.reason


def test_a_batch_that_cannot_be_cut(world):
    rates = OptimisationSpec(batch_size=4, micro_batch_size=3, max_steps=1)

    outcome = failing(world, "uncut", "sft", optimisation=rates)

    assert "batch_size 4 cannot be shared" in outcome.reason


def test_an_error_nobody_foresaw_is_written_down_and_raised(world):
    def broken(requests):
        raise ZeroDivisionError("no retries were played")

    out = world / "unforeseen"
    spec = tiny_spec(world, "ppo")
    with claimed(out, spec), pytest.raises(ZeroDivisionError):
        run_training(spec, out, Monitor(out), reward=broken)

    assert read_outcome(out).code == "crashed"
    assert "no retries were played" in read_outcome(out).reason
    assert "ZeroDivisionError" in (out / "trainer.log").read_text()


def test_a_wrong_specification_file_is_told_in_the_result(world, monkeypatch):
    path, out = world / "wrong.json", world / "wrong"
    path.write_text(json.dumps({"stage": "sft", "learning_rte": 1}))
    monkeypatch.setattr("sys.argv", ["trainer", str(path), "--out", str(out)])

    exit_code = trainer.main()

    assert exit_code == 1
    assert "learning_rte" in read_outcome(out).reason
