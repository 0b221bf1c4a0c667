"""Scores candidate strings exactly: one pass over the trie of their tokens."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

# Each row of logits is 200 kB.
ROWS_AT_A_TIME = 256

Normalisation = Literal["sum", "mean"]


@dataclass(frozen=True, slots=True)
class Trie:
    """The distinct token prefixes of all candidates, in the order they are packed.

    `parents[i]` is the node before node i, or -1 for the end of the prompt. `paths[c]` are the
    nodes of candidate c. The last token of every candidate (the end of the turn) is predicted
    but never read, so it has no node.
    """

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    depths: tuple[int, ...]
    paths: tuple[tuple[int, ...], ...]
    candidates: tuple[tuple[int, ...], ...]


def build_trie(candidates: Sequence[Sequence[int]]) -> Trie:
    """Merge candidates (token ids, each ending with the end-of-turn token) into a trie."""
    tokens: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    known: dict[tuple[int, int], int] = {}
    paths = []
    for candidate in candidates:
        parent, path = -1, []
        for depth, token in enumerate(candidate[:-1]):
            if (parent, token) not in known:
                known[parent, token] = len(tokens)
                tokens.append(token)
                parents.append(parent)
                depths.append(depth)
            parent = known[parent, token]
            path.append(parent)
        paths.append(tuple(path))
    held = tuple(tuple(candidate) for candidate in candidates)
    return Trie(tuple(tokens), tuple(parents), tuple(depths), tuple(paths), held)


def tree_mask(trie: Trie, prompt: int, nodes: Sequence[int]) -> Tensor:
    """Say which of the prompt's tokens and of `nodes`, parents first, each node may look at.

    Shape: (nodes, prompt + nodes), boolean; `prompt` counts all tokens before the tree.
    """
    mask = torch.zeros(len(nodes), prompt + len(nodes), dtype=torch.bool)
    mask[:, :prompt] = True
    places = {node: place for place, node in enumerate(nodes)}
    for node, place in places.items():
        parent = trie.parents[node]
        if parent >= 0:
            mask[place, prompt:] = mask[places[parent], prompt:]
        mask[place, prompt + place] = True
    return mask


def token_logprobs(
    trie: Trie, hidden: Tensor, logits: Callable[[Tensor], Tensor]
) -> list[list[float]]:
    """Pick every candidate's token log-probabilities, in nats.

    `hidden` (1 + nodes, width): the row after the prompt, then one row per node. `logits` turns
    rows into logits over the vocabulary; it is called on a bounded number of rows at a time.
    """
    rows = torch.tensor([row for path in trie.paths for row in (0, *(node + 1 for node in path))])
    columns = torch.tensor([token for candidate in trie.candidates for token in candidate])
    picked = torch.empty(len(rows))
    for start in range(0, len(hidden), ROWS_AT_A_TIME):
        block = torch.log_softmax(logits(hidden[start : start + ROWS_AT_A_TIME]).cpu(), dim=-1)
        inside = (rows >= start) & (rows < start + ROWS_AT_A_TIME)
        picked[inside] = block[rows[inside] - start, columns[inside]]
    found: list[list[float]] = [
        part.tolist() for part in picked.split([len(candidate) for candidate in trie.candidates])
    ]
    return found


def score(logprobs: Sequence[float], normalisation: Normalisation) -> float:
    """Give a candidate's score: the sum, or the mean over its tokens."""
    total = sum(logprobs)
    return total / len(logprobs) if normalisation == "mean" else total


def choose(scores: Sequence[float], *, temperature: float, seed: int) -> int:
    """Take the best candidate at temperature 0, else sample from the softmax over all scores.

    To sample, every score / temperature gets a Gumbel variate of its own and the highest is taken
    (arXiv 1411.0030, section 2).
    """
    luck = gumbel(len(scores), seed) if temperature else [0.0] * len(scores)
    values = [
        value / (temperature or 1.0) + extra for value, extra in zip(scores, luck, strict=True)
    ]
    return max(range(len(values)), key=values.__getitem__)


def gumbel(count: int, seed: int) -> list[float]:
    """Draw standard Gumbel variates."""
    rng = random.Random(seed)
    return [-math.log(-math.log(max(rng.random(), math.ulp(0.0)))) for _ in range(count)]
