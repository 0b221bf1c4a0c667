"""A choice under way that runs only the branches that can still win, some in each pass."""

import torch
from torch import Tensor

from retro_core.serving.choices import ROWS_AT_A_TIME, build_trie, tree_mask
from retro_core.serving.jobs import Choosing, Chosen, Job
from retro_core.serving.kv import KvBuffer
from retro_core.serving.racing import PROMPT, Race
from retro_core.serving.spans import LoraWeights, Span


class LiveRace:
    """Prompt chunks, then nodes of the candidates' trie in the order in which they are wanted."""

    reads_every_row = False

    def __init__(self, job: Job, work: Choosing, buffer: KvBuffer) -> None:
        self.job, self.buffer = job, buffer
        self.tokens = list(work.prompt)
        self.done = False
        self._work = work
        self._race = Race(
            build_trie(work.candidates),
            normalisation=work.normalisation,
            temperature=work.temperature,
            seed=work.seed,
        )
        self._ran: list[int] = []
        self._next: list[int] = []

    @property
    def lora(self) -> LoraWeights | None:
        """The adapter's weights."""
        return self._work.adapter.weights if self._work.adapter else None

    @property
    def remaining(self) -> int:
        """How many tokens must run before there is a result."""
        return len(self._next) or len(self.tokens) - self.buffer.length

    def span(self, count: int) -> Span:
        """Take the next prompt tokens for a pass, or the nodes that are wanted."""
        past = self.buffer.length
        if not self._next:
            return Span(self.tokens[past : past + count], self.buffer, self.lora)
        trie = self._race.trie
        nodes = [trie.tokens[node] for node in self._next]
        places = [len(self.tokens) + trie.depths[node] for node in self._next]
        mask = tree_mask(trie, len(self.tokens), [*self._ran, *self._next])[len(self._ran) :]
        return Span(nodes, self.buffer, self.lora, 0, mask, places)

    def result_rows(self, count: int) -> list[int]:
        """Which of the pass's `count` rows need logits: the prompt's last, or every node's."""
        if self._next:
            return list(range(count))
        return [count - 1] if count == self.remaining else []

    def take(self, logits: Tensor) -> None:
        """Score the nodes that ran by their logits (rows, vocabulary).

        The tree's keys and values are dropped: see `spans.BLOCK`.
        """
        nodes = self._next or [PROMPT]
        self._read(nodes, torch.log_softmax(logits, dim=-1))
        self._ran += self._next
        # What is cut is wanted again: a pass's logits must stay within memory.
        self._next = self._race.wanted()[:ROWS_AT_A_TIME]
        if not self._next:
            self.buffer.length = len(self.tokens)
            self.done = True
            race = self._race
            self.job.deliver(Chosen(race.winner(), race.logprobs, race.scores()))

    def _read(self, nodes: list[int], logprobs: Tensor) -> None:
        readers = [self._race.readers(node) for node in nodes]
        rows = [row for row, found in enumerate(readers) for _ in found]
        picked = logprobs[rows, [token for found in readers for _, token in found]]
        parts = picked.split([len(found) for found in readers])
        for node, part in zip(nodes, parts, strict=True):
            self._race.take(node, part.tolist())
