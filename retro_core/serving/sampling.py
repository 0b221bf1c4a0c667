"""Draws the next token: penalties, grammar mask, temperature, top-k, top-p, typical-p, seed."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# Nearly always enough for top-p; the rest is sorted only where it is not.
FIRST_SORTED = 1024
COLDEST = 1e-5  # below it only the most probable token has a chance that a float can hold
MOST_PENALTY = 1e3


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. Temperature 0 takes the most probable; top_k 0 and 1.0 switch off."""

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    typical_p: float = 1.0
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int = 0

    @property
    def penalises(self) -> bool:
        """Whether earlier tokens change the scores."""
        return (self.repetition_penalty, self.frequency_penalty, self.presence_penalty) != (1, 0, 0)


class Sampler:
    """Draws one sequence's tokens. One uniform number per token, so a seed repeats its text."""

    def __init__(self, sampling: Sampling, prompt: Sequence[int]) -> None:
        self._sampling = sampling
        self._random = random.Random(sampling.seed)
        self._prompt = set(prompt) if sampling.repetition_penalty != 1.0 else set()
        self._made: Counter[int] = Counter()

    def draw(self, logits: Tensor, allowed: Tensor | None) -> int:
        """Choose from logits (vocabulary,). `allowed` is True where a grammar permits."""
        scores = self._penalised(logits) if self._sampling.penalises else logits
        if allowed is not None:
            scores = scores.masked_fill(~allowed, -torch.inf)
        token = self._pick(scores)
        self._made[token] += 1
        return token

    def _pick(self, scores: Tensor) -> int:
        if self._sampling.temperature < COLDEST:
            return int(scores.argmax().item())
        logprobs = torch.log_softmax(scores.double() / self._sampling.temperature, dim=-1)
        ordered, tokens = _shortlist(logprobs, self._sampling)
        reached = ordered.exp().cumsum(0)
        point = self._random.random() * reached[-1]
        index = int(torch.searchsorted(reached, point, right=True).item())
        return int(tokens[min(index, len(tokens) - 1)].item())

    def _penalised(self, logits: Tensor) -> Tensor:
        scores = logits.clone()
        sampling = self._sampling
        seen = torch.tensor(sorted(self._prompt | set(self._made)), dtype=torch.long)
        if sampling.repetition_penalty != 1.0:
            found = scores[seen]
            factor = min(max(sampling.repetition_penalty, 1 / MOST_PENALTY), MOST_PENALTY)
            scores[seen] = torch.where(found < 0, found * factor, found / factor)
        for token, count in self._made.items():
            scores[token] -= sampling.frequency_penalty * count + sampling.presence_penalty
        return scores


def _shortlist(logprobs: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """Keep the tokens that top-k, top-p and typical-p leave.

    Shapes: logprobs (vocabulary,); both results (kept,). Probabilities are not renormalised
    at the end. Where nothing is filtered, tokens keep their own order: sorting is the slow part.
    """
    if not sampling.top_k and sampling.top_p == 1.0 and sampling.typical_p == 1.0:
        return logprobs, torch.arange(len(logprobs))
    ordered, tokens = _most_probable(logprobs, sampling)
    if sampling.top_k:
        ordered = ordered - ordered.logsumexp(0)
    if sampling.top_p < 1.0:
        before = ordered.exp().cumsum(0) - ordered.exp()
        keep = before < sampling.top_p
        ordered, tokens = ordered[keep], tokens[keep]
        ordered = ordered - ordered.logsumexp(0)
    if sampling.typical_p < 1.0:
        ordered, tokens = _typical(ordered, tokens, sampling.typical_p)
    return ordered, tokens


def _most_probable(logprobs: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """Sort as many tokens as the filters can need."""
    if sampling.top_k:
        found = logprobs.topk(min(sampling.top_k, len(logprobs)))
        return found.values, found.indices
    found = logprobs.topk(min(FIRST_SORTED, len(logprobs)))
    if sampling.top_p == 1.0 or found.values.exp().sum() < sampling.top_p:
        found = logprobs.sort(descending=True, stable=True)
    return found.values, found.indices


def _typical(ordered: Tensor, tokens: Tensor, mass: float) -> tuple[Tensor, Tensor]:
    probabilities = ordered.exp()
    entropy = -(probabilities * ordered.clamp_min(-1e9)).sum()
    by_distance = (-ordered - entropy).abs().argsort(stable=True)
    before = probabilities[by_distance].cumsum(0) - probabilities[by_distance]
    keep = by_distance[before < mass].sort().values
    return ordered[keep], tokens[keep]
