"""One sequence under way: the tokens it still has to run, and what its results become."""

from collections.abc import Callable

import torch
from torch import Tensor

from retro_core.serving.choices import build_trie, choose, score, token_logprobs, tree_mask
from retro_core.serving.grammar import GrammarExhausted
from retro_core.serving.jobs import (
    Choosing,
    Chosen,
    Failed,
    Finished,
    FinishReason,
    Generation,
    Job,
    PromptScored,
    TokenMade,
)
from retro_core.serving.kv import KvBuffer
from retro_core.serving.sampling import Sampler
from retro_core.serving.spans import LoraWeights, Span
from retro_core.serving.text import PieceDecoder, TextCodec


class LiveGeneration:
    """A generation: prompt chunks first, then one token a pass."""

    def __init__(self, job: Job, work: Generation, buffer: KvBuffer, codec: TextCodec) -> None:
        self.job, self.buffer = job, buffer
        self.tokens = list(work.prompt)
        self.done = False
        self._work, self._codec = work, codec
        self._sampler = Sampler(work.sampling, work.prompt)
        self._constraint = work.constraint.copy() if work.constraint else None
        self._decoder = PieceDecoder(codec)
        self._text = ""
        self._made = 0
        self._prompt_logprobs: list[float | None] = [None]

    @property
    def lora(self) -> LoraWeights | None:
        """The adapter's weights."""
        return self._work.adapter.weights if self._work.adapter else None

    @property
    def remaining(self) -> int:
        """How many tokens must run before there is a result."""
        return len(self.tokens) - self.buffer.length

    @property
    def reads_every_row(self) -> bool:
        """Whether each prompt token's own prediction is wanted, so none may come from a cache."""
        return self._work.prompt_logprobs

    def span(self, count: int) -> Span:
        """Take the next `count` tokens for a pass."""
        past = self.buffer.length
        return Span(self.tokens[past : past + count], self.buffer, lora=self.lora)

    def result_rows(self, count: int) -> list[int]:
        """Which of the pass's `count` rows need logits."""
        if self._work.prompt_logprobs and self._made == 0:
            return list(range(count))
        return [count - 1] if count == self.remaining else []

    def take(self, logits: Tensor) -> None:
        """Use the logits (rows, vocabulary) of the rows asked for, after the pass."""
        logprobs = torch.log_softmax(logits, dim=-1)
        if self._work.prompt_logprobs and self._made == 0:
            self._score_prompt(logprobs)
        if self.remaining == 0:
            self._extend(logits[-1], logprobs[-1])

    def _score_prompt(self, logprobs: Tensor) -> None:
        first = self.buffer.length - len(logprobs) + 1
        targets = self._work.prompt[first : self.buffer.length + 1]
        rows = range(len(targets))
        picked = logprobs[list(rows), targets].tolist()
        self._prompt_logprobs += picked
        if self.remaining == 0:
            self.job.deliver(PromptScored(self._prompt_logprobs))

    def _extend(self, logits: Tensor, logprobs: Tensor) -> None:
        if self._work.max_new_tokens == 0:
            self._finish("length")
            return
        try:
            allowed = self._constraint.allowed() if self._constraint else None
        except GrammarExhausted as error:
            self.done = True
            self.job.deliver(Failed(f"the grammar cannot be followed: {error}"))
            return
        if allowed is not None and not bool(allowed.any()):
            self._finish("eos_token")
            return
        token = self._sampler.draw(logits, allowed)
        self._made += 1
        self._announce(token, logprobs)
        more = self._constraint.advance(token) if self._constraint else True
        if token == self._codec.end_token:
            self._finish("eos_token")
        elif self._stops():
            self._finish("stop_sequence")
        elif not more:
            self._finish("eos_token")
        elif self._made == self._work.max_new_tokens:
            self._finish("length")
        else:
            self.tokens.append(token)

    def _announce(self, token: int, logprobs: Tensor) -> None:
        piece = self._decoder.feed(token)
        self._text += piece
        top: list[tuple[int, float]] = []
        if self._work.top_tokens:
            best = logprobs.topk(self._work.top_tokens)
            top = list(zip(best.indices.tolist(), best.values.tolist(), strict=True))
        self.job.deliver(TokenMade(token, piece, logprobs[token].item(), top))

    def _stops(self) -> bool:
        return any(stop in self._text for stop in self._work.stop)

    def _finish(self, reason: FinishReason) -> None:
        self.done = True
        self.job.deliver(Finished(reason, self._decoder.flush()))


class LiveChoosing:
    """A choice whose every score is wanted: with the prompt's last chunk runs the whole trie."""

    reads_every_row = False

    def __init__(self, job: Job, work: Choosing, buffer: KvBuffer) -> None:
        self.job, self.buffer = job, buffer
        self.tokens = list(work.prompt)
        self.done = False
        self._work = work
        self._trie = build_trie(work.candidates)

    @property
    def lora(self) -> LoraWeights | None:
        """The adapter's weights."""
        return self._work.adapter.weights if self._work.adapter else None

    @property
    def remaining(self) -> int:
        """How many tokens must run before there is a result; the trie runs in one pass."""
        return len(self._work.prompt) - self.buffer.length + len(self._trie.tokens)

    def span(self, count: int) -> Span:
        """Take the next prompt tokens for a pass, with the trie where they reach the end."""
        past, prompt = self.buffer.length, self._work.prompt
        if count < self.remaining:
            return Span(prompt[past : past + count], self.buffer, self.lora)
        suffix = prompt[past:]
        places = [*range(past, len(prompt)), *(len(prompt) + d for d in self._trie.depths)]
        mask = tree_mask(self._trie, len(prompt), range(len(self._trie.tokens)))
        tokens = [*suffix, *self._trie.tokens]
        return Span(tokens, self.buffer, self.lora, len(suffix), mask, places)

    def result_rows(self, count: int) -> list[int]:
        """Which of the pass's `count` rows need logits: the prompt's last and the trie's."""
        if count < self.remaining:
            return []
        return list(range(count - len(self._trie.tokens) - 1, count))

    def take(self, hidden: Tensor, logits: Callable[[Tensor], Tensor]) -> None:
        """Score and choose. The tree's keys and values are dropped: see `spans.BLOCK`."""
        work = self._work
        logprobs = token_logprobs(self._trie, hidden, logits)
        scores = [score(candidate, work.normalisation) for candidate in logprobs]
        index = choose(scores, temperature=work.temperature, seed=work.seed)
        self.buffer.length = len(work.prompt)
        self.done = True
        self.job.deliver(Chosen(index, logprobs, scores))
