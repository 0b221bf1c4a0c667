"""Tunes a LoRA adapter on lessons: the loss counts the teacher's actions alone."""

import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer

from retro_core.training.imitation.advice import FOLLOWING, SEARCHING, TOURING, Shares
from retro_core.training.imitation.games import MOST_STEPS, lessons
from retro_core.training.imitation.tokens import Sequence as Tokens
from retro_core.training.imitation.tokens import tokenise


@dataclass(frozen=True, slots=True)
class Part:
    """One pass over lessons of its own. Units: games, steps; the seed also draws the games."""

    games: int
    seed: int
    learning_rate: float
    shares: Shares
    most_steps: int = MOST_STEPS


PARTS = (
    Part(600, 20, 4e-4, FOLLOWING),
    Part(360, 21, 3e-4, SEARCHING),
    Part(300, 22, 2e-4, TOURING, most_steps=26),
)
"""The recipe of the shipped actor."""


@dataclass(frozen=True, slots=True)
class TuneConfig:
    """What all parts share. Units: games per update, updates, adapter rank."""

    parts: tuple[Part, ...] = PARTS
    batch: int = 4
    warmup_updates: int = 10
    rank: int = 8
    alpha: int = 16
    clip_norm: float = 1.0
    save_every: int = 30


class _TokenizerEncoder:
    def __init__(self, folder: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder)

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids


def tune(
    base: Path, out: Path, config: TuneConfig, *, start: Path | None = None, threads: int = 2
) -> None:
    """Tune and save into `out` (a PEFT folder), with `tuning.json` and checkpoints beside it.

    With `start` (an adapter's folder) the parts continue from it. The base is held in bfloat16;
    the adapter's masters and the optimizer in float32.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(config.parts[0].seed)
    out.mkdir(parents=True, exist_ok=True)
    encoder = _TokenizerEncoder(base)
    model = _adapted(base, config, start)
    log: list[dict[str, float]] = []
    started = time.monotonic()
    for part in config.parts:
        games = lessons(part.games, part.seed, part.shares, part.most_steps)
        sequences = [tokenise(lesson, encoder) for lesson in games]
        for loss in _updates(model, sequences, part, config):
            log.append({"loss": loss, "seconds": time.monotonic() - started})
            (out / "tuning.json").write_text(json.dumps({"config": asdict(config), "log": log}))
            if len(log) % config.save_every == 0:
                save(model, out / f"update-{len(log)}")
    save(model, out)


def _adapted(base: Path, config: TuneConfig, start: Path | None) -> PeftModel:
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    if start:
        return PeftModel.from_pretrained(
            model, str(start), is_trainable=True, autocast_adapter_dtype=False
        )
    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, lora, autocast_adapter_dtype=False)


def _updates(
    model: PeftModel, sequences: Sequence[Tokens], part: Part, config: TuneConfig
) -> Iterator[float]:
    """Run one pass over the lessons; yields the mean loss per token of each update, in nats."""
    weights = [p for p in model.parameters() if p.requires_grad]
    for weight in weights:
        weight.data = weight.data.to(torch.bfloat16)
    masters = [p.detach().float().requires_grad_() for p in weights]
    optimizer = torch.optim.AdamW(masters, lr=part.learning_rate, weight_decay=0.0)
    order = list(sequences)
    random.Random(part.seed).shuffle(order)
    total = len(order) // config.batch
    for update in range(1, total + 1):
        batch = order[(update - 1) * config.batch : update * config.batch]
        for group in optimizer.param_groups:
            group["lr"] = part.learning_rate * schedule(update, total, config.warmup_updates)
        loss = _backward(model, batch)
        for weight, master in zip(weights, masters, strict=True):
            master.grad = weight.grad.float() if weight.grad is not None else None
            weight.grad = None
        torch.nn.utils.clip_grad_norm_(masters, config.clip_norm)
        optimizer.step()
        with torch.no_grad():
            for weight, master in zip(weights, masters, strict=True):
                weight.copy_(master)
        yield loss


def _backward(model: PeftModel, batch: Sequence[Tokens]) -> float:
    """Accumulate gradients of the mean loss per learned token; returns it in nats."""
    learned = sum(sum(item.learned) for item in batch)
    total = 0.0
    for item in batch:
        loss = token_loss(model, item) / learned
        loss.backward()
        total += loss.item()
    return total


def token_loss(model: Any, item: Tokens) -> Tensor:
    """Sum of the negative log-probabilities of the learned tokens, in nats.

    The vocabulary's projection is a fifth of the model: it runs on the learned tokens alone.
    """
    base = model.get_base_model()
    ids = torch.tensor([item.tokens])
    hidden = base.model(input_ids=ids, use_cache=False).last_hidden_state[0]
    before = torch.tensor([i - 1 for i, counts in enumerate(item.learned) if counts])
    logits = base.lm_head(hidden[before]).float()
    return functional.cross_entropy(logits, ids[0][before + 1], reduction="sum")


def schedule(update: int, total: int, warmup: int) -> float:
    """Share of the learning rate: a linear rise over `warmup` updates, then a cosine to 0."""
    if update <= warmup:
        return update / warmup
    return 0.5 * (1 + math.cos(math.pi * (update - warmup) / max(1, total - warmup)))


def save(model: PeftModel, folder: Path) -> None:
    """Write the adapter as a PEFT folder that names no path of this machine."""
    model.save_pretrained(str(folder))
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = "HuggingFaceTB/SmolLM2-135M-Instruct"
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
