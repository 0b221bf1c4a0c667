"""What each stage leaves behind loads in plain PEFT and computes what the trained model did."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from retro_core.training.spec import OptimisationSpec
from tests.core.training_world import (
    make_base_model,
    seen_at_export,
    tiny_spec,
    train,
    write_snapshot,
)

IDS = torch.tensor([[3, 4, 5, 6, 7, 1]])
RATES = OptimisationSpec(learning_rate=5e-3, batch_size=4, micro_batch_size=2, max_steps=2)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = tmp_path_factory.mktemp("saved")
    make_base_model(world / "base")
    write_snapshot(world / "snapshot.jsonl")
    return world


@pytest.mark.parametrize("stage", ["sft", "reward_model", "ppo", "grpo"])
def test_the_adapter_of_a_stage_gives_equal_logits_in_plain_peft(
    stage: str, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = seen_at_export(monkeypatch, logits_of)
    spec = tiny_spec(world, stage, optimisation=RATES)
    outcome = train(replace(spec, evaluation=replace(spec.evaluation, samples=0)), world / stage)
    assert outcome.status == "done", outcome.reason

    kind: Any = AutoModelForCausalLM
    settings = {}
    if stage == "reward_model":
        kind, settings = AutoModelForSequenceClassification, {"num_labels": 1, "pad_token_id": 0}
    base = kind.from_pretrained(world / "base", **settings)
    bare = logits_of(base)
    loaded = PeftModel.from_pretrained(base, world / stage / outcome.adapter)

    torch.testing.assert_close(logits_of(loaded), trained[0], rtol=0, atol=0)
    assert (trained[0] - bare).abs().max() > 1e-3  # two updates have changed something


def logits_of(model: Any) -> torch.Tensor:
    """What the model computes for one short text."""
    with torch.no_grad():
        logits: torch.Tensor = model.eval()(input_ids=IDS).logits
    return logits
