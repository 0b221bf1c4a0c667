"""Finds the best candidate without running those that can no longer win.

A log-probability is at most nought, so what is known of a candidate bounds its whole score from
above. A pass runs the leading branches; a candidate whose bound falls below the best finished
score is given up. The answer is that of scoring every candidate.
"""

import math
from collections.abc import Sequence

from retro_core.serving.choices import Normalisation, Trie, gumbel

# Branches this close to the leader run in the same pass: a row costs less than another pass.
MARGIN_NATS = 1.5
PROMPT = -1


class Race:
    """One choice under way: what is known of every candidate, and which nodes to run next.

    At a temperature each candidate has a Gumbel variate of its own: see `choices.choose`.
    """

    def __init__(
        self, trie: Trie, *, normalisation: Normalisation, temperature: float, seed: int
    ) -> None:
        self.trie = trie
        self.logprobs: list[list[float]] = [[] for _ in trie.candidates]
        count = len(trie.candidates)
        self._luck = gumbel(count, seed) if temperature else [0.0] * count
        self._heat = temperature or 1.0
        self._shares = [
            1 / len(candidate) if normalisation == "mean" else 1.0 for candidate in trie.candidates
        ]
        self._readers = _readers(trie)

    def readers(self, node: int) -> list[tuple[int, int]]:
        """Which (candidate, token) read a node's prediction; PROMPT is the prompt's last row."""
        return self._readers[node]

    def take(self, node: int, found: Sequence[float]) -> None:
        """Note what a node's readers found, in nats and in their order; parents come first."""
        for (candidate, _), value in zip(self._readers[node], found, strict=True):
            self.logprobs[candidate].append(value)

    def scores(self) -> list[float]:
        """Each candidate's score in nats; of those given up a bound from above."""
        return [
            share * sum(known) for share, known in zip(self._shares, self.logprobs, strict=True)
        ]

    def wanted(self) -> list[int]:
        """The nodes to run next, parents first; none once the race is decided."""
        bounds = self._bounds()
        best = max((bounds[i] for i in range(len(bounds)) if self._finished(i)), default=-math.inf)
        running = [i for i in range(len(bounds)) if not self._finished(i) and bounds[i] >= best]
        if not running:
            return []
        lead = max(bounds[i] for i in running) - MARGIN_NATS / self._heat
        return sorted({node for i in running if bounds[i] >= lead for node in self._ahead(i)})

    def winner(self) -> int:
        """The best candidate of a decided race, the first one among equals."""
        bounds = self._bounds()
        return max(filter(self._finished, range(len(bounds))), key=bounds.__getitem__)

    def _bounds(self) -> list[float]:
        return [
            score / self._heat + luck for score, luck in zip(self.scores(), self._luck, strict=True)
        ]

    def _finished(self, candidate: int) -> bool:
        return len(self.logprobs[candidate]) == len(self.trie.candidates[candidate])

    def _ahead(self, candidate: int) -> list[int]:
        """A candidate's next node, and those after it up to the next choice of ways."""
        path = self.trie.paths[candidate][len(self.logprobs[candidate]) - 1 :]
        for count, node in enumerate(path, start=1):
            if len({token for _, token in self._readers[node]}) > 1:
                return list(path[:count])
        return list(path)


def _readers(trie: Trie) -> dict[int, list[tuple[int, int]]]:
    found: dict[int, list[tuple[int, int]]] = {}
    for index, (path, tokens) in enumerate(zip(trie.paths, trie.candidates, strict=True)):
        for node, token in zip((PROMPT, *path), tokens, strict=True):
            found.setdefault(node, []).append((index, token))
    return found
