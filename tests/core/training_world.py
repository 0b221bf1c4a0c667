"""A tiny base model, snapshot and reward for the tests of training."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from retro_core.training import run, snapshot
from retro_core.training.adapters import export_adapter
from retro_core.training.monitor import Monitor
from retro_core.training.outcome import Outcome
from retro_core.training.rewards import RewardFunction, RewardRequest
from retro_core.training.run import claimed, run_training
from retro_core.training.spec import (
    BaseModelSpec,
    DatasetSpec,
    EvaluationSpec,
    GrpoSpec,
    LoraSpec,
    OptimisationSpec,
    PpoSpec,
    RewardSpec,
    TokenSpec,
    TrainingSpec,
)
from retro_core.types import RatedReflection

WORDS = [
    *("look", "open", "take", "put", "drawer", "shelf", "lamp", "mug"),
    *("good", "bad", "plan", "again", "first", "then", "never"),
]
GOOD = "good"


def make_base_model(folder: Path, *, seed: int = 0) -> Path:
    """A random Llama of 32 dimensions and 2 layers that knows 15 words."""
    vocabulary = {word: n for n, word in enumerate(["<pad>", "<end>", "<unk>", *WORDS])}
    words = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="<end>", unk_token="<unk>"
    )
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
        # Larger than usual: a small adapter must be able to move so small a model.
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def reflections(tasks: int = 6, trials: int = 2) -> list[RatedReflection]:
    """Two reflections on each failure: the one that says good is rated +1, the other -1."""
    return [
        RatedReflection(
            task_id=f"task-{task}",
            environment="toy",
            trial=trial,
            prompt=f"{WORDS[task % 8]} {WORDS[(task + trial) % 8]} again",
            text=f"{word} plan {WORDS[task % 8]}",
            rating=rating,
        )
        for task in range(tasks)
        for trial in range(1, trials + 1)
        for word, rating in ((GOOD, 1.0), ("bad", -1.0))
    ]


def write_snapshot(path: Path, rows: Sequence[RatedReflection] | None = None) -> Path:
    """A snapshot file whose last task is held out."""
    rows = reflections() if rows is None else rows
    last = rows[-1].task_id if rows else ""
    train = tuple(row for row in rows if row.task_id != last)
    held = tuple(row for row in rows if row.task_id == last)
    snapshot.write_snapshot(path, snapshot.Snapshot(train, held))
    return path


def tiny_spec(world: Path, stage: str, **changes: Any) -> TrainingSpec:
    """A specification of 6 small steps on the model and snapshot below `world`."""
    spec = TrainingSpec(
        stage=stage,
        seed=7,
        device="cpu",
        checkpoint_every=2,
        dataset=DatasetSpec(path=str(world / "snapshot.jsonl")),
        base_model=BaseModelSpec(folder=str(world / "base"), name="tiny-llama"),
        lora=LoraSpec(rank=4, alpha=8, dropout=0.1 if stage in {"sft", "reward_model"} else 0.0),
        optimisation=OptimisationSpec(
            learning_rate=5e-3, batch_size=4, micro_batch_size=2, max_steps=6
        ),
        tokens=TokenSpec(prompt=16, completion=6, chat_template="none"),
        reward=RewardSpec(kind="function", function="tests.core.training_world:says_good_factory"),
        ppo=PpoSpec(minibatch_size=2, epochs=2, temperature=1.0),
        grpo=GrpoSpec(group_size=2, temperature=1.0),
        evaluation=EvaluationSpec(every=3, samples=2, bootstrap=20),
    )
    return replace(spec, **changes)


def says_good_factory(settings: dict[str, Any]) -> RewardFunction:
    """Share of the words that are `good`."""
    return says_good


def says_good(requests: Sequence[RewardRequest]) -> list[float]:
    """Share of the words that are `good`, for each text."""
    return [
        request.text.split().count(GOOD) / max(len(request.text.split()), 1) for request in requests
    ]


def train(spec: TrainingSpec, out: Path, watch: Callable[[Monitor], None] | None = None) -> Outcome:
    """Run the trainer within this process."""
    with claimed(out, spec):
        monitor = Monitor(out)
        if watch:
            watch(monitor)
        return run_training(spec, out, monitor)


def metrics(out: Path, name: str, split: str = "train") -> dict[int, float]:
    """A figure by step, the newest line of each step."""
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return {
        line["step"]: line["values"][name]
        for line in lines
        if line.get("split") == split and name in line.get("values", {})
    }


def seen_at_export(
    monkeypatch: pytest.MonkeyPatch, look: Callable[[Any], torch.Tensor]
) -> list[torch.Tensor]:
    """What `look` gives of each trained model as it is exported; filled while a run trains."""
    seen: list[torch.Tensor] = []

    def watched(model: Any, folder: Path, **words: Any) -> str:
        seen.append(look(model))
        return export_adapter(model, folder, **words)

    monkeypatch.setattr(run, "export_adapter", watched)
    return seen
