"""The trainer on a CUDA device, with a tiny model: `pytest -m gpu`."""

import gc
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, LlamaConfig
from transformers import LlamaForCausalLM as Llama

from retro_core.training.launch import (
    TRAINER_ENVIRONMENT,
    prepare_resume,
    request_stop,
    trainer_command,
)
from retro_core.training.outcome import read_outcome
from retro_core.training.scorer import load_scorer
from retro_core.training.spec import (
    BaseModelSpec,
    EvaluationSpec,
    Precision,
    RewardSpec,
    TrainingSpec,
)
from tests.core.training_world import (
    make_base_model,
    metrics,
    seen_at_export,
    tiny_spec,
    train,
    write_snapshot,
)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]
STAGES = ["sft", "reward_model", "ppo", "grpo"]
IDS = torch.tensor([[3, 4, 5, 6, 7, 1]])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = tmp_path_factory.mktemp("gpu")
    make_base_model(world / "base")
    write_snapshot(world / "snapshot.jsonl")
    return world


@pytest.fixture(autouse=True)
def _emptied() -> Iterator[None]:
    yield
    gc.collect()
    torch.cuda.empty_cache()


def cuda_spec(world: Path, stage: str, **changes: Any) -> TrainingSpec:
    """A few steps with all that a large model needs."""
    spec = replace(tiny_spec(world, stage), device="cuda", gradient_checkpointing=True)
    spec = replace(spec, lora=replace(spec.lora, dropout=0.0))
    return replace(spec, **changes)


def classifier(stage: str) -> tuple[Any, dict[str, Any]]:
    if stage == "reward_model":
        return AutoModelForSequenceClassification, {"num_labels": 1, "pad_token_id": 0}
    return AutoModelForCausalLM, {}


def logits_of(model: Any) -> torch.Tensor:
    with torch.no_grad(), torch.autocast("cuda", torch.bfloat16):
        logits: torch.Tensor = model.eval()(input_ids=IDS.cuda()).logits
    return logits.float().cpu()


@pytest.mark.parametrize("stage", STAGES)
def test_the_adapter_of_a_stage_gives_equal_logits_in_plain_peft(
    stage: str, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = seen_at_export(monkeypatch, logits_of)
    out = world / f"{stage}-bfloat16"
    outcome = train(cuda_spec(world, stage, precision="bfloat16"), out)

    kind, settings = classifier(stage)
    base = kind.from_pretrained(world / "base", dtype=torch.bfloat16, **settings).cuda()
    if stage == "reward_model":
        base.score.float()
    bare = logits_of(base)
    loaded = PeftModel.from_pretrained(base, out / outcome.adapter)
    torch.testing.assert_close(logits_of(loaded), trained[0], rtol=0, atol=0)
    assert (trained[0] - bare).abs().max() > 1e-3
    assert all(math.isfinite(loss) for loss in metrics(out, "loss").values())


@pytest.mark.parametrize("stage", STAGES)
def test_a_stopped_run_goes_on_with_the_same_losses(stage: str, world: Path) -> None:
    spec = cuda_spec(world, stage, evaluation=EvaluationSpec(every=0, samples=0))
    out = world / f"{stage}-stopped"

    train(spec, world / f"{stage}-whole")
    stopped = train(spec, out, lambda monitor: request_stop(monitor.folder))
    prepare_resume(out)
    resumed = train(spec, out)

    assert (stopped.status, stopped.step, resumed.status) == ("stopped", 1, "done")
    assert metrics(out, "loss") == metrics(world / f"{stage}-whole", "loss")


def test_float32_learns_there_what_it_learns_on_a_cpu(world: Path) -> None:
    # The other stages begin with random numbers that each device draws by itself.
    spec = cuda_spec(world, "sft")
    train(spec, world / "there")
    train(replace(spec, device="cpu"), world / "here")

    here = list(metrics(world / "here", "loss").values())
    there = list(metrics(world / "there", "loss").values())
    assert there == pytest.approx(here, rel=1e-3)


@pytest.fixture(scope="module")
def wide(world: Path) -> Path:
    """A base model wide enough for blocks of 64 weights in four bits, and its judge."""
    wide = world / "wide"
    make_base_model(wide / "base")
    config = LlamaConfig.from_pretrained(wide / "base")
    config.update({"hidden_size": 128, "intermediate_size": 256, "head_dim": 32})
    Llama(config).save_pretrained(wide / "base")
    write_snapshot(wide / "snapshot.jsonl")
    return wide


def wide_spec(wide: Path, stage: str, precision: Precision) -> TrainingSpec:
    held = BaseModelSpec(folder=str(wide / "base"), name="wide-llama")
    return cuda_spec(wide, stage, base_model=held, precision=precision)


@pytest.mark.parametrize("precision", ["bfloat16", "4bit"])
def test_the_chain_runs_on_one_device_with_its_own_judge(wide: Path, precision: Precision) -> None:
    if precision == "4bit":
        pytest.importorskip("bitsandbytes")
    judge = wide / f"judge-{precision}"
    made = train(wide_spec(wide, "reward_model", precision), judge)
    asked = RewardSpec(folder=str(judge / "adapter"))

    for stage in ("sft", "ppo", "grpo"):
        out = wide / f"{stage}-{precision}"
        told = train(replace(wide_spec(wide, stage, precision), reward=asked), out)
        assert (told.status, told.step) == ("done", 6), told.reason

    assert made.status == "done"
    narrow = load_scorer(judge / "adapter", wide / "base", precision=precision)
    exact = load_scorer(judge / "adapter", wide / "base", device="cpu")
    for score in (narrow, exact):
        assert score("mug look again", "good plan mug") > score("mug look again", "bad plan mug")


def test_the_trainer_process_takes_the_device_by_itself(world: Path) -> None:
    out = world / "process"
    spec = cuda_spec(world, "sft", device="auto", precision="bfloat16")
    (world / "process.json").write_text(json.dumps(spec.to_json()))

    told = subprocess.run(
        trainer_command(world / "process.json", out, spec.launch),
        env={"PATH": "/usr/bin:/bin", "HOME": str(world), **library_paths(), **TRAINER_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )

    outcome = read_outcome(out)
    assert outcome is not None, told.stderr[-2000:]
    assert outcome.status == "done", outcome.reason


def library_paths() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(path for path in sys.path if path)}
