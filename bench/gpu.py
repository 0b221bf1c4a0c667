"""Trains a random model of a real one's size on one CUDA GPU: memory, seconds and exactness.

`python -m bench.gpu --tokenizer FOLDER [--shape 7b] [--parts sft resume]`
FOLDER is any model folder with the embedded model's tokenizer. The model is a Llama of random
bfloat16 weights, so that texts mean nothing and never end: the longest case. Every part runs a
whole stage of the `paper` preset with smaller batches, and prints a JSON line with the peak of the
device's memory beside the dry run's estimate. PPO takes the judge that `reward_model` made, and
`resume` compares with `sft`: name both, or keep what an earlier call made with `--world FOLDER`.
At 7B a part takes one to three minutes.
"""

import argparse
import gc
import json
import math
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from bench.training import StepMonitor, failures
from bench.training_overhead import compared, pairs_of_rows
from retro_core.training import run
from retro_core.training.adapters import export_adapter
from retro_core.training.dry_run import dry_run
from retro_core.training.launch import prepare_resume, request_stop
from retro_core.training.peaks import peak_memory
from retro_core.training.presets import PRESETS
from retro_core.training.rewards import RewardRequest
from retro_core.training.snapshot import Snapshot, write_snapshot
from retro_core.training.spec import BaseModelSpec, RewardSpec, TrainingSpec

# hidden, intermediate, layers, heads, heads of keys, head size
SHAPES: Mapping[str, tuple[int, int, int, int, int, int]] = {
    "tiny": (256, 512, 2, 4, 2, 64),
    "135m": (576, 1536, 30, 9, 3, 64),
    "1b": (2048, 5632, 22, 32, 4, 64),
    "7b": (4096, 14336, 32, 32, 8, 128),
}
VISITS = 260  # of a failure longer than the longest prompt
RATE = 2e-4  # far above the paper's: a few updates must move more than bfloat16 rounds away
Told = dict[str, Any]  # one line of the output


def random_base(folder: Path, shape: str, tokenizer: Path) -> Path:
    """Write a Llama of random bfloat16 weights with a real tokenizer."""
    words = AutoTokenizer.from_pretrained(tokenizer)
    hidden, intermediate, layers, heads, key_heads, head = SHAPES[shape]
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=key_heads,
        head_dim=head,
        max_position_embeddings=8192,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        dtype=torch.bfloat16,
    )
    torch.manual_seed(0)
    earlier = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = LlamaForCausalLM(config)
    torch.set_default_dtype(earlier)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def vowels(requests: Sequence[RewardRequest]) -> list[float]:
    """Share of vowels: random texts differ in it."""
    return [sum(letter in "aeiou" for letter in r.text) / (len(r.text) + 1) for r in requests]


class Bench:
    """One world: a base model, a snapshot, and what the parts leave for each other."""

    def __init__(self, world: Path, asked: argparse.Namespace) -> None:
        self.world, self.asked = world, asked
        self.base = world / "base"
        if not (self.base / "config.json").exists():
            random_base(self.base, asked.shape, asked.tokenizer)
        rows = failures(80, visits=VISITS)
        write_snapshot(world / "snapshot.jsonl", Snapshot(tuple(rows[:64]), tuple(rows[64:66])))
        self.losses: list[float] = []

    def spec(self, stage: str, steps: int, **changes: Any) -> TrainingSpec:
        """The paper's preset, one batch of 16 in parts of the preset's size."""
        spec = PRESETS["paper"][stage]  # type: ignore[index]  # each is a stage
        rates = replace(
            spec.optimisation, batch_size=self.asked.batch, max_steps=steps, learning_rate=RATE
        )
        tokens = replace(spec.tokens, prompt=self.asked.prompt, completion=self.asked.completion)
        filled = replace(
            spec,
            device="cuda",
            tokens=tokens,
            optimisation=rates,
            ppo=replace(spec.ppo, minibatch_size=min(spec.ppo.minibatch_size, self.asked.batch)),
            reward=RewardSpec(kind="function", function="bench.gpu:vowels"),
            dataset=replace(spec.dataset, path=str(self.world / "snapshot.jsonl")),
            base_model=BaseModelSpec(folder=str(self.base), name="random"),
            evaluation=replace(spec.evaluation, every=0, samples=2),
        )
        return replace(filled, **changes)

    def measured(self, spec: TrainingSpec, name: str) -> Told:
        """Run a stage; its pace, the device's memory beside the estimate, and its losses."""
        began = time.perf_counter()
        monitor = StepMonitor(self.world / name)
        reward = vowels if spec.reward.kind == "function" else None
        with run.claimed(monitor.folder, spec):
            outcome = run.run_training(spec, monitor.folder, monitor, reward=reward)
        marks = [wall for wall, _ in monitor.marks]
        gaps = [after - before for before, after in pairwise(marks[1:])]
        losses = told_losses(monitor.folder)
        return {
            "status": outcome.status + outcome.reason,
            "updates": len(losses),
            "seconds_per_update": round(median(gaps), 2) if gaps else None,
            "seconds_in_all": round(time.perf_counter() - began, 1),
            "peak_gb": round(peak_memory()["peak_gpu_memory_gb"], 2),
            "reserved_gb": round(torch.cuda.max_memory_reserved() / 1e9, 2),
            "estimate_gb": round(dry_run(spec).gpu_bytes / 1e9, 2),
            "finite": all(math.isfinite(loss) for loss in losses),
            "losses": losses,
        }

    def sft(self) -> Told:
        """Rank 4; its adapter against plain PEFT, logits of the same text."""
        with watched_export() as trained:
            told = self.measured(self.spec("sft", 4), "sft")
        self.losses = told["losses"]
        base = AutoModelForCausalLM.from_pretrained(
            self.base, dtype=torch.bfloat16, device_map={"": "cuda"}
        )
        bare = logits_of(base)
        loaded = logits_of(PeftModel.from_pretrained(base, self.world / "sft" / "adapter"))
        told["plain_peft_difference"] = float((loaded - trained[0]).abs().max())
        told["adapter_moves_logits_by"] = float((loaded - bare).abs().max())
        return told

    def resume(self) -> Told:
        """The same run stopped after an update and taken up again."""
        spec, out = self.spec("sft", 4), self.world / "resume"
        out.mkdir()
        request_stop(out)
        first = self.measured(spec, "resume")
        prepare_resume(out)
        again = self.measured(spec, "resume")
        equal = told_losses(out) == self.losses
        return {"first": first["status"], "then": again["status"], "losses_equal": equal}

    def sft_rank_1(self) -> Told:
        """The paper's smaller adapter."""
        return self.measured(
            replace(self.spec("sft", 3), lora=PRESETS["paper_rank_1"]["sft"].lora), "sft_rank_1"
        )

    def sft_whole(self) -> Told:
        """Without checkpointing, one item at a time: what the layers keep."""
        spec = self.spec("sft", 3, gradient_checkpointing=False)
        rates = replace(spec.optimisation, batch_size=4, micro_batch_size=1)
        return self.measured(replace(spec, optimisation=rates), "sft_whole")

    def sft_4bit(self) -> Told:
        """The frozen weights in four bits."""
        return self.measured(self.spec("sft", 3, precision="4bit"), "sft_4bit")

    def reward_model(self) -> Told:
        """A judge, which PPO takes."""
        return self.measured(self.spec("reward_model", 3), "reward_model")

    def ppo(self) -> Told:
        """With the judge beside the policy."""
        judge = RewardSpec(folder=str(self.world / "reward_model" / "adapter"))
        return self.measured(self.spec("ppo", 2, reward=judge), "ppo")

    def ppo_4bit(self) -> Told:
        """Policy and judge in four bits."""
        judge = RewardSpec(folder=str(self.world / "reward_model" / "adapter"))
        return self.measured(self.spec("ppo", 2, reward=judge, precision="4bit"), "ppo_4bit")

    def grpo(self) -> Told:
        """Groups of eight."""
        return self.measured(self.spec("grpo", 3), "grpo")

    def overhead_sft(self) -> Told:
        """A step against bare TRL."""
        return self._overhead("sft", steps=8)

    def overhead_grpo(self) -> Told:
        """A step against bare TRL; most of it is writing."""
        return self._overhead("grpo", steps=8)

    def _overhead(self, stage: str, steps: int) -> Told:
        rows = pairs_of_rows(failures(16))
        write_snapshot(self.world / "short.jsonl", Snapshot(tuple(rows), ()))
        spec = self.spec(stage, steps)
        spec = replace(
            spec,
            dataset=replace(spec.dataset, path=str(self.world / "short.jsonl")),
            tokens=replace(spec.tokens, prompt=256, completion=64),
            optimisation=replace(spec.optimisation, batch_size=8),
            evaluation=replace(spec.evaluation, samples=0),
        )
        return compared(spec, rows, self.world / f"overhead_{stage}")


def told_losses(out: Path) -> list[float]:
    """The loss of each update, the newest line of each."""
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    told = {x["step"]: x["values"]["loss"] for x in lines if x.get("split") == "train"}
    return [told[step] for step in sorted(told)]


def logits_of(model: Any) -> torch.Tensor:
    """What a model computes for one text, as it is computed while training."""
    ids = torch.arange(100, 164, device="cuda")[None]
    with torch.no_grad(), torch.autocast("cuda", torch.bfloat16):
        logits: torch.Tensor = model.eval()(input_ids=ids).logits
    return logits.float()


@contextmanager
def watched_export() -> Iterator[list[torch.Tensor]]:
    """Collect the logits of every model that is exported within the block."""
    seen: list[torch.Tensor] = []

    def watched(model: Any, folder: Path, **words: Any) -> str:
        seen.append(logits_of(model))
        return export_adapter(model, folder, **words)

    run.export_adapter = watched
    try:
        yield seen
    finally:
        run.export_adapter = export_adapter


def told(part: Callable[[], Told]) -> Told:
    """Run a part on an emptied device; a part that fails tells why, and the next one runs."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    left = round(torch.cuda.memory_allocated() / 1e9, 2)
    try:
        return {**part(), "left_gb": left}
    except Exception as error:  # noqa: BLE001  # the figures of the other parts are worth keeping
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"[:500], "left_gb": left}


PARTS = (
    *("sft", "reward_model", "ppo", "grpo", "sft_4bit", "sft_rank_1", "ppo_4bit"),
    *("sft_whole", "overhead_sft", "overhead_grpo", "resume"),
)


def main() -> None:
    """Print one JSON line for each part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--shape", choices=list(SHAPES), default="7b")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--prompt", type=int, default=2048)
    parser.add_argument("--completion", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--world", type=Path, help="a folder to keep model and runs in")
    asked = parser.parse_args()
    kept = nullcontext(asked.world) if asked.world else tempfile.TemporaryDirectory()
    with kept as name:
        began = time.perf_counter()
        Path(name).mkdir(parents=True, exist_ok=True)
        bench = Bench(Path(name), asked)
        print(f"model written in {time.perf_counter() - began:.0f} s", flush=True)
        for part in asked.parts:
            line = {"shape": asked.shape, part: told(getattr(bench, part))}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
