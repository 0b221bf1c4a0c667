"""Holds a whole step of this project's stages against the bare libraries, as a ratio of one run.

`python -m bench.training_overhead --base FOLDER [--stages sft reward_model] [--tokens 128]`
(bench/gpu.py calls it on a CUDA device, with clock seconds: work there costs no CPU.)
The bare side is what the library's own documentation shows: a base model by its folder, a
LoraConfig, a TRL trainer, the same tokens, the same settings. This side is the stage as a worker
starts it, with monitor, stop requests, heartbeat and sealed checkpoints. Both learn by turns in
this process; what is compared is the CPU seconds of a step, so that a busy machine counts little.
"""

import argparse
import gc
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoTokenizer, PrinterCallback, TrainerCallback
from trl import (
    GRPOConfig,
    GRPOTrainer,
    RewardConfig,
    RewardTrainer,
    SFTConfig,
    SFTTrainer,
)

from bench.training import StepMonitor, failures, numbered
from retro_core.replay import preferences
from retro_core.training.examples import encode_prompt, encode_rows
from retro_core.training.grpo import filled_batch
from retro_core.training.presets import PRESETS
from retro_core.training.rewards import RewardRequest
from retro_core.training.run import claimed, run_training
from retro_core.training.scorer import encode_for_score
from retro_core.training.selection import failures_to_answer
from retro_core.training.snapshot import Snapshot, write_snapshot
from retro_core.training.spec import TrainingSpec
from retro_core.types import RatedReflection

ITEMS = 8


class StepClock(TrainerCallback):  # type: ignore[misc]  # transformers is untyped here
    """CPU seconds of every step after the first; seconds on the clock for a GPU."""

    def __init__(self, spec: TrainingSpec) -> None:
        self.marks: list[float] = []
        self._now = time.process_time if spec.device == "cpu" else time.perf_counter

    def on_log(self, *_: Any, logs: Mapping[str, Any], **__: Any) -> None:
        """Take the time where this project's monitor takes it."""
        if "loss" in logs:  # else it is the summary at the end
            self.marks.append(self._now())


def pairs_of_rows(rows: Sequence[RatedReflection]) -> list[RatedReflection]:
    """Each failure with a good and a bad reflection, so that rewards can learn from pairs."""
    other = rows[1].text
    return [
        replace(row, text=text, rating=rating)
        for row in rows[::2]
        for text, rating in ((row.text, 1.0), (other, 0.0))
    ]


def own_step(spec: TrainingSpec, out: Path) -> list[float]:
    """Seconds of the steps of a whole stage of this project."""
    monitor = StepMonitor(out)
    reward = numbered if spec.stage == "grpo" else None
    with claimed(out, spec):
        outcome = run_training(spec, out, monitor, reward=reward)
    assert outcome.status == "done", outcome.reason
    return gaps([cpu if spec.device == "cpu" else wall for wall, cpu in monitor.marks[1:]])


def bare_sft(spec: TrainingSpec, rows: Sequence[RatedReflection], out: Path) -> list[float]:
    """The same steps by TRL's SFTTrainer."""
    tokenizer = AutoTokenizer.from_pretrained(spec.base_model.folder)
    accepted = [row for row in rows if row.rating > spec.dataset.accept_above]
    examples = [dict(example) for example in encode_rows(accepted, tokenizer, spec.tokens)]
    clock = StepClock(spec)
    trainer = SFTTrainer(
        model=spec.base_model.folder,
        args=SFTConfig(**arguments(spec, out), completion_only_loss=True),
        train_dataset=Dataset.from_list(examples),
        processing_class=tokenizer,
        peft_config=LoraConfig(**lora(spec), task_type="CAUSAL_LM"),
        callbacks=[clock],
    )
    return trained(trainer, clock)


def bare_reward(spec: TrainingSpec, rows: Sequence[RatedReflection], out: Path) -> list[float]:
    """The same steps by TRL's RewardTrainer."""
    tokenizer = AutoTokenizer.from_pretrained(spec.base_model.folder)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    pairs = [
        {
            "chosen_ids": encode_for_score(tokenizer, pair.prompt, pair.chosen, spec.tokens),
            "rejected_ids": encode_for_score(tokenizer, pair.prompt, pair.rejected, spec.tokens),
        }
        for pair in preferences(rows)
    ]
    clock = StepClock(spec)
    trainer = RewardTrainer(
        model=spec.base_model.folder,
        args=RewardConfig(**arguments(spec, out)),
        train_dataset=Dataset.from_list(pairs),
        processing_class=tokenizer,
        peft_config=LoraConfig(**lora(spec), task_type="SEQ_CLS", modules_to_save=["score"]),
        callbacks=[clock],
    )
    return trained(trainer, clock)


def bare_grpo(spec: TrainingSpec, rows: Sequence[RatedReflection], out: Path) -> list[float]:
    """The same steps by TRL's GRPOTrainer."""
    tokenizer = AutoTokenizer.from_pretrained(spec.base_model.folder)
    asked = filled_batch(failures_to_answer(rows), spec)
    prompts = [tokenizer.decode(encode_prompt(tokenizer, r.prompt, spec.tokens)) for r in asked]
    settings = arguments(spec, out)
    config = GRPOConfig(
        **{name: value for name, value in settings.items() if name != "max_length"},
        num_generations=spec.grpo.group_size,
        steps_per_generation=settings["gradient_accumulation_steps"],
        max_completion_length=spec.tokens.completion,
        beta=spec.grpo.beta,
        epsilon=spec.grpo.clip,
        temperature=spec.grpo.temperature,
    )
    clock = StepClock(spec)
    trainer = GRPOTrainer(
        model=spec.base_model.folder,
        reward_funcs=_numbered_texts,
        args=config,
        train_dataset=Dataset.from_list([{"prompt": prompt} for prompt in prompts]),
        processing_class=tokenizer,
        peft_config=LoraConfig(**lora(spec), task_type="CAUSAL_LM"),
        callbacks=[clock],
    )
    return trained(trainer, clock)


def _numbered_texts(completions: Sequence[str], **_: Any) -> list[float]:
    return numbered([RewardRequest("", "", 1, "", text) for text in completions])


def trained(trainer: Any, clock: StepClock) -> list[float]:
    """Train in silence; the seconds of the steps."""
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return gaps(clock.marks)


def arguments(spec: TrainingSpec, out: Path) -> dict[str, Any]:
    """The settings of the specification in the library's own words."""
    rates = spec.optimisation
    return {
        "output_dir": str(out),
        "seed": spec.seed,
        "use_cpu": spec.device == "cpu",
        "bf16": spec.precision == "bfloat16",
        "model_init_kwargs": {"dtype": spec.precision},
        "learning_rate": rates.learning_rate,
        "max_steps": rates.max_steps,
        "per_device_train_batch_size": rates.micro_batch_size,
        "gradient_accumulation_steps": rates.batch_size // rates.micro_batch_size,
        "gradient_checkpointing": spec.gradient_checkpointing,
        "max_length": None,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }


def lora(spec: TrainingSpec) -> dict[str, Any]:
    """The adapter of the specification in the library's own words."""
    return {"r": spec.lora.rank, "lora_alpha": spec.lora.alpha, "target_modules": "all-linear"}


def gaps(marks: Sequence[float]) -> list[float]:
    """Seconds between marks."""
    return [after - before for before, after in pairwise(marks)]


BARE: Mapping[str, Callable[[TrainingSpec, Sequence[RatedReflection], Path], list[float]]] = {
    "sft": bare_sft,
    "reward_model": bare_reward,
    "grpo": bare_grpo,
}


def compared(spec: TrainingSpec, rows: Sequence[RatedReflection], out: Path) -> dict[str, Any]:
    """The median step of both sides over two turns, and their ratio."""
    own: list[float] = []
    bare: list[float] = []
    for turn in range(2):
        sides = [
            lambda turn=turn: own.extend(own_step(spec, out / f"own-{turn}")),
            lambda turn=turn: bare.extend(BARE[spec.stage](spec, rows, out / f"bare-{turn}")),
        ]
        for side in sides if turn == 0 else reversed(sides):
            side()
            _emptied()
    ratio = median(own) / median(bare)
    return {
        "bare": round(median(bare), 3),
        "own": round(median(own), 3),
        "ratio": round(ratio, 3),
        "bare_steps": [round(seconds, 3) for seconds in bare],
        "own_steps": [round(seconds, 3) for seconds in own],
    }


def _emptied() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def main() -> None:
    """Print one JSON line for each stage that the library has too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--stages", nargs="*", default=["sft", "reward_model"], choices=list(BARE))
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument(
        "--tokens", type=int, default=128, help="short prompts: what the project adds weighs more"
    )
    asked = parser.parse_args()
    rows = pairs_of_rows(failures(2 * ITEMS))
    with tempfile.TemporaryDirectory() as name:
        world = Path(name)
        write_snapshot(world / "snapshot.jsonl", Snapshot(tuple(rows), ()))
        for stage in asked.stages:
            spec = stage_spec(stage, world, asked)
            print(json.dumps({stage: compared(spec, rows, world / stage)}), flush=True)


def stage_spec(stage: str, world: Path, asked: argparse.Namespace) -> TrainingSpec:
    """The preset for a CPU with short prompts, without evaluations: the bare side has none."""
    spec = PRESETS["cpu-small"][stage]  # type: ignore[index]  # a choice of the parser
    return replace(
        spec,
        device="cpu",
        tokens=replace(spec.tokens, prompt=asked.tokens),
        dataset=replace(spec.dataset, path=str(world / "snapshot.jsonl")),
        base_model=replace(spec.base_model, folder=str(asked.base.resolve()), name="bench"),
        optimisation=replace(spec.optimisation, max_steps=asked.steps, warmup_steps=0),
        reward_model=replace(spec.reward_model, objective="pairwise"),
        evaluation=replace(spec.evaluation, every=0, samples=0),
    )


if __name__ == "__main__":
    main()
