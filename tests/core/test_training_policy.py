"""The policy as it is loaded, asked and rewarded."""

from dataclasses import replace

import pytest
import torch
from transformers import GenerationConfig

from retro_core.training.examples import encode_prompt
from retro_core.training.models import load_policy, load_tokenizer
from retro_core.training.sampling import request_of, write_completions
from retro_core.training.spec import LoraSpec, OptimisationSpec
from tests.core.training_world import (
    make_base_model,
    metrics,
    reflections,
    tiny_spec,
    train,
    write_snapshot,
)

NEVER = 17  # the number of the word


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = tmp_path_factory.mktemp("policy")
    make_base_model(world / "base")
    write_snapshot(world / "snapshot.jsonl")
    return world


def written(spec, folder):
    """What the fresh policy on a base model writes on five failures, always with the same seed."""
    spec = replace(spec, base_model=replace(spec.base_model, folder=str(folder)))
    model, tokenizer = load_policy(spec, ""), load_tokenizer(folder)
    prompts = [encode_prompt(tokenizer, row.prompt, spec.tokens) for row in reflections()[:5]]
    torch.manual_seed(3)
    return write_completions(model, tokenizer, prompts, tokens=spec.tokens, temperature=1.0)


def test_generation_settings_of_the_base_model_change_nothing_of_what_the_policy_writes(world):
    spec, base = tiny_spec(world, "ppo"), make_base_model(world / "with-habits")
    habits = GenerationConfig(
        repetition_penalty=1.8,
        suppress_tokens=[number for number in range(18) if number != NEVER],
        eos_token_id=[1, 5],
        pad_token_id=0,
    )
    habits.save_pretrained(base)

    plain, own = written(spec, world / "base"), written(spec, base)

    assert own.texts == plain.texts
    assert len(set(own.texts)) > 1  # not "never never never never never never" alone


def test_the_special_tokens_of_the_base_model_s_generation_settings_stay(world):
    base = make_base_model(world / "two-ends")
    given = GenerationConfig(eos_token_id=[1, 5], pad_token_id=0, repetition_penalty=1.8)
    given.save_pretrained(base)
    spec = tiny_spec(world, "ppo")
    spec = replace(spec, base_model=replace(spec.base_model, folder=str(base)))

    kept = load_policy(spec, "").generation_config

    assert (kept.eos_token_id, kept.pad_token_id) == ([1, 5], 0)
    assert kept.repetition_penalty is None


def test_grpo_trains_without_the_dropout_of_its_parent(world):
    short = OptimisationSpec(learning_rate=5e-3, batch_size=4, micro_batch_size=4, max_steps=1)
    lora = LoraSpec(rank=4, alpha=8, dropout=0.5)
    train(tiny_spec(world, "sft", optimisation=short, lora=lora), world / "dropping")
    parent = str(world / "dropping/adapter")

    train(tiny_spec(world, "grpo", optimisation=short, parent_adapter=parent), world / "grpo")

    # Before the first update policy and reference are the same weights.
    assert metrics(world / "grpo", "kl")[1] == 0.0


def test_a_constant_learning_rate_rises_over_the_warmup(world):
    rates = OptimisationSpec(
        learning_rate=8e-3,
        batch_size=4,
        micro_batch_size=4,
        max_steps=6,
        warmup_steps=4,
        schedule="constant",
    )

    train(tiny_spec(world, "sft", optimisation=rates), world / "rising")

    told = metrics(world / "rising", "learning_rate")
    assert list(told.values()) == pytest.approx([0.0, 2e-3, 4e-3, 6e-3, 8e-3, 8e-3])


def test_a_fresh_text_is_rewarded_as_a_reflection_is_kept():
    row = reflections()[0]

    assert request_of(row, "\n good plan \n").text == "good plan"
    assert request_of(row, "1. go\n2. ta", finished=False).text == "1. go"
