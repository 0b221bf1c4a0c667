"""Scores texts and candidates with the serving engine's arithmetic, outside the engine."""

from collections.abc import Sequence

import torch

from retro_core.serving.choices import build_trie, token_logprobs, tree_mask
from retro_core.serving.llama import Llama
from retro_core.serving.spans import LoraWeights, Span


def candidate_logprobs(
    model: Llama,
    prompt: Sequence[int],
    candidates: Sequence[Sequence[int]],
    *,
    lora: LoraWeights | None = None,
) -> list[list[float]]:
    """Give each candidate's token log-probabilities after the prompt, in nats.

    `candidates` are token ids that each end with the end-of-turn token; the prompt is computed
    once and the candidates share their common prefixes.
    """
    trie = build_trie(candidates)
    size = len(prompt) + len(trie.tokens)
    positions = [*range(len(prompt)), *(len(prompt) + depth for depth in trie.depths)]
    mask = tree_mask(trie, len(prompt), range(len(trie.tokens)))
    buffer = model.new_buffer(size)
    span = Span([*prompt, *trie.tokens], buffer, lora, len(prompt), mask, positions)
    hidden = model.forward([span])
    return token_logprobs(trie, hidden[len(prompt) - 1 :], model.logits)


def text_logprobs(
    model: Llama, tokens: Sequence[int], *, lora: LoraWeights | None = None
) -> list[float]:
    """Give the log-probability of every token but the first, in nats."""
    hidden = model.forward([Span(list(tokens), model.new_buffer(len(tokens)), lora)])
    logprobs = torch.log_softmax(model.logits(hidden[:-1]), dim=-1)
    picked: list[float] = logprobs[torch.arange(len(tokens) - 1), list(tokens[1:])].tolist()
    return picked
