"""What a run would train on, counted before it starts."""

from dataclasses import replace

import pytest

from retro_core.errors import InvalidInput
from retro_core.training.dry_run import dry_run, parameter_count
from retro_core.training.spec import OptimisationSpec, RewardModelSpec, TokenSpec
from tests.core.training_world import (
    make_base_model,
    reflections,
    tiny_spec,
    torch,
    write_snapshot,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = tmp_path_factory.mktemp("dry-run")
    make_base_model(world / "base")
    write_snapshot(world / "snapshot.jsonl")  # 6 tasks, 2 trials, 2 reflections; the last held out
    return world


def test_counts_and_class_balance(world):
    told = dry_run(tiny_spec(world, "sft"))

    assert (told.train_rows, told.validation_rows) == (20, 4)
    assert (told.train_tasks, told.validation_tasks) == (5, 1)
    assert (told.accepted, told.rejected, told.failures) == (10, 10, 10)
    assert told.problem == ""


@pytest.mark.parametrize(
    ("stage", "objective", "items"),
    [
        ("sft", "bce", 10),  # accepted reflections
        ("reward_model", "bce", 20),  # reflections
        ("reward_model", "pairwise", 10),  # one pair for each failure
        ("ppo", "bce", 10),  # failures
    ],
)
def test_the_items_of_each_stage(world, stage, objective, items):
    spec = tiny_spec(world, stage, reward_model=RewardModelSpec(objective=objective))

    assert dry_run(spec).items == items


def test_copies_are_counted_where_names_can_be_exchanged(world, tmp_path):
    rows = [
        replace(row, environment="alfworld" if row.task_id == "task-0" else row.environment)
        for row in reflections()
    ]
    spec = tiny_spec(world, "sft")
    dataset = replace(
        spec.dataset, path=str(write_snapshot(tmp_path / "mixed.jsonl", rows)), copies=3
    )

    # 10 accepted reflections, of which 2 are of the household and shown twice more.
    assert dry_run(replace(spec, dataset=dataset)).items == 10 + 2 * 2


def test_updates_go_by_epochs_unless_steps_are_given(world):
    epochs = OptimisationSpec(batch_size=4, epochs=2.0, max_steps=0)

    assert dry_run(tiny_spec(world, "sft", optimisation=epochs)).updates == 6  # 2 * ceil(10 / 4)
    assert dry_run(tiny_spec(world, "sft")).updates == 6  # max_steps


def test_tokens_and_what_is_cut(world):
    # "You help an agent to learn from a failed attempt at a task." is 14 tokens, the prompt 3;
    # a reflection of 3 words has 4 with its end.
    spec = tiny_spec(world, "sft", tokens=TokenSpec(prompt=17, completion=4, chat_template="none"))
    short = replace(spec, tokens=replace(spec.tokens, prompt=16, completion=3))

    told, cut = dry_run(spec), dry_run(short)

    assert (told.cut_prompts, told.cut_reflections) == (0, 0)
    assert told.tokens_per_update == 4 * (17 + 4)
    assert (cut.cut_prompts, cut.cut_reflections) == (20, 20)
    assert cut.tokens_per_update == 4 * (16 + 3)


def test_the_weights_are_counted_from_the_files(world):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(world / "base")
    weights = sum(weight.numel() for weight in model.parameters())

    assert parameter_count(world / "base") == weights
    assert dry_run(tiny_spec(world, "sft")).parameters == weights
    assert dry_run(tiny_spec(world, "sft")).weight_bytes == 4 * weights
    assert torch.float32.itemsize == 4


def test_a_run_that_could_not_succeed_says_why(world):
    rows = [replace(row, rating=-1.0) for row in reflections()]
    write_snapshot(world / "negative.jsonl", rows)
    spec = tiny_spec(world, "sft")
    spec = replace(spec, dataset=replace(spec.dataset, path=str(world / "negative.jsonl")))

    told = dry_run(spec)

    assert "None of the 20 training reflections" in told.problem
    assert (told.items, told.accepted, told.updates) == (0, 0, 0)


def test_a_folder_that_is_no_base_model_is_named(world, tmp_path):
    spec = tiny_spec(world, "sft")
    elsewhere = replace(spec, base_model=replace(spec.base_model, folder=str(tmp_path)))

    with pytest.raises(InvalidInput, match="no folder of a base model"):
        dry_run(elsewhere)


def test_a_pair_of_reflections_is_one_item_of_twice_the_tokens(world):
    pairwise = RewardModelSpec(objective="pairwise")
    tokens = TokenSpec(prompt=17, completion=4, chat_template="none")

    told = dry_run(tiny_spec(world, "reward_model", reward_model=pairwise, tokens=tokens))

    assert told.tokens_per_update == 4 * 2 * (17 + 4)
