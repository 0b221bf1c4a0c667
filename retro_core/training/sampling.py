"""Writes reflections with the policy as it is, and says what they look like."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig

from retro_core.training.examples import Tokenizer, encode_prompt, pad, pad_mask
from retro_core.training.rewards import RewardFunction, RewardRequest
from retro_core.training.spec import TokenSpec
from retro_core.types import RatedReflection

Model = Any  # transformers is untyped here
LOOP_WORDS = 4
LOOP_TIMES = 3


@dataclass(frozen=True)
class Completions:
    """Generated reflections. Shapes (B, T), padded on the right; `mask` is 1 up to the end token.

    `finished` tells, per reflection, whether it ended by itself.
    """

    ids: Tensor
    mask: Tensor
    finished: Tensor
    texts: list[str]


def write_completions(
    model: Model,
    tokenizer: Tokenizer,
    prompts: Sequence[Sequence[int]],
    *,
    tokens: TokenSpec,
    temperature: float,
) -> Completions:
    """Sample one reflection for each tokenised prompt, from torch's global random state."""
    device = next(model.parameters()).device
    end, padding = tokenizer.eos_token_id, tokenizer.pad_token_id
    config = GenerationConfig(
        do_sample=True,
        temperature=temperature,
        top_k=0,
        top_p=1.0,
        max_new_tokens=tokens.completion,
        eos_token_id=end,
        pad_token_id=padding,
    )
    ids = pad(prompts, padding, left=True).to(device)
    attention = pad_mask(prompts, left=True).to(device)
    with torch.no_grad(), evaluating(model):
        whole = model.generate(input_ids=ids, attention_mask=attention, generation_config=config)
    written = whole[:, ids.shape[1] :]
    mask, finished = mask_to_end(written, end)
    texts = [
        tokenizer.decode(row[keep.bool()], skip_special_tokens=True)
        for row, keep in zip(written, mask, strict=True)
    ]
    return Completions(ids=written, mask=mask, finished=finished, texts=texts)


def mask_to_end(ids: Tensor, end: int) -> tuple[Tensor, Tensor]:
    """Mask (B, T) of the tokens up to and with the first end token, and who has one (B,)."""
    is_end = ids == end
    ends_before = is_end.long().cumsum(dim=1) - is_end.long()
    return (ends_before == 0).long(), is_end.any(dim=1)


@contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """Evaluation mode for the block, then what it was."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def write_samples(
    model: Model,
    tokenizer: Tokenizer,
    rows: Sequence[RatedReflection],
    *,
    tokens: TokenSpec,
    temperature: float,
    seed: int,
    reward: RewardFunction | None = None,
) -> list[dict[str, Any]]:
    """Answer prompts, leaving the random state of training as it was."""
    if not rows:
        return []
    prompts = [encode_prompt(tokenizer, row.prompt, tokens) for row in rows]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        written = write_completions(
            model, tokenizer, prompts, tokens=tokens, temperature=temperature
        )
    lengths = written.mask.sum(dim=1).tolist()
    finished = written.finished.tolist()
    rewards = reward(requests_of(rows, written.texts, finished)) if reward else [None] * len(rows)
    return [
        {
            "task_id": row.task_id,
            "trial": row.trial,
            "prompt": row.prompt,
            "text": text,
            "length": length,
            "reward": value,
        }
        for row, text, length, value in zip(rows, written.texts, lengths, rewards, strict=True)
    ]


def requests_of(
    rows: Sequence[RatedReflection], texts: Sequence[str], finished: Sequence[bool]
) -> list[RewardRequest]:
    """Ask for the rewards of fresh texts, one a failure, and whether each came to its end."""
    parts = zip(rows, texts, finished, strict=True)
    return [request_of(row, text, finished=whole) for row, text, whole in parts]


def request_of(row: RatedReflection, text: str, *, finished: bool = True) -> RewardRequest:
    """Ask for the reward of a fresh text on a recorded failure, as it would be kept.

    It is stripped, and a plan's last line that the token limit cut short is left out.
    """
    text = text.strip()
    whole = text if finished or "\n" not in text else text.rpartition("\n")[0]
    return RewardRequest(row.task_id, row.environment, row.trial, row.prompt, whole)


def sample_figures(samples: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Length, repetition and reward of written samples."""
    if not samples:
        return {}
    figures = text_figures([sample["text"] for sample in samples])
    figures["length"] = sum(sample["length"] for sample in samples) / len(samples)
    rewards = [sample["reward"] for sample in samples if sample["reward"] is not None]
    if rewards:
        figures["reward"] = sum(rewards) / len(rewards)
    return figures


def text_figures(texts: Sequence[str]) -> dict[str, float]:
    """Share of texts that repeat another of the batch, and that loop inside themselves."""
    plain = [" ".join(text.lower().split()) for text in texts]
    looping = sum(is_looping(text) for text in plain)
    return {
        "repeat_share": 1.0 - len(set(plain)) / len(plain),
        "loop_share": looping / len(plain),
    }


def is_looping(text: str) -> bool:
    """Whether some four words in a row come three times or more."""
    words = text.split()
    runs = Counter(tuple(words[at : at + LOOP_WORDS]) for at in range(len(words) - LOOP_WORDS + 1))
    return max(runs.values(), default=0) >= LOOP_TIMES
