"""Runs all requests on one thread: continuous batching, chunked prompts, shared prefixes."""

import logging
import threading
from collections import deque
from dataclasses import dataclass

import torch

from retro_core.serving.jobs import Abandoned, Choosing, Failed, Generation, Job
from retro_core.serving.live import LiveChoosing, LiveGeneration
from retro_core.serving.live_race import LiveRace
from retro_core.serving.llama import Llama
from retro_core.serving.prefix_cache import PrefixCache
from retro_core.serving.problems import NotServing, Overloaded
from retro_core.serving.spans import BLOCK
from retro_core.serving.text import TextCodec

log = logging.getLogger(__name__)

Live = LiveGeneration | LiveChoosing | LiveRace


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the server. Tokens unless the name says otherwise."""

    max_total: int = 8192
    max_choice: int = 4096
    max_queue_requests: int = 128
    max_active_requests: int = 16
    max_active_tokens: int = 24_576
    pass_tokens: int = 512
    cache_mebibytes: int = 1024


@dataclass(slots=True)
class Turn:
    """One sequence's share of a pass: `rows` are the rows, within its span, to read."""

    live: Live
    count: int
    start: int
    rows: list[int]


class Engine:
    """Takes jobs from any thread; computes on its own."""

    def __init__(self, model: Llama, codec: TextCodec, limits: Limits) -> None:
        self.model, self.codec, self.limits = model, codec, limits
        self.cache = PrefixCache(limits.cache_mebibytes, BLOCK)
        self.prompt_tokens = 0
        self.generated_tokens = 0
        self.active: list[Live] = []
        self.waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self.failed = False
        self._forgotten: list[str] = []
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the engine can still take work."""
        return self._thread.is_alive() and not self._stopping

    def submit(self, *jobs: Job) -> None:
        """Queue jobs together. Raises Overloaded where they do not all fit the queue."""
        with self._changed:
            if not self.alive:
                raise NotServing("the server is stopping")
            if len(self.waiting) + len(jobs) > self.limits.max_queue_requests:
                raise Overloaded("Model is overloaded")
            self.waiting.extend(jobs)
            self._changed.notify()

    def forget_adapter(self, key: str) -> None:
        """Drop what the prefix cache keeps for an adapter's weights."""
        with self._changed:
            self._forgotten.append(key)

    def stop(self) -> None:
        """Abandon what is left and end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _loop(self) -> None:
        try:
            with torch.inference_mode():
                while self._await_work():
                    self._step()
        finally:
            self.failed = not self._stopping
            self._stopping = True
            self._abandon()

    def _await_work(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self.waiting or self.active or self._stopping)
            return not self._stopping

    def _abandon(self) -> None:
        with self._changed:
            jobs = [live.job for live in self.active] + list(self.waiting)
            self.waiting.clear()
        for job in jobs:
            job.deliver(Abandoned("the server is stopping"))

    def _step(self) -> None:
        self._admit()
        turns = self._plan()
        if turns:
            self._run(turns)

    def _admit(self) -> None:
        """Drop what was cancelled, then start waiting jobs while there is room."""
        self.active = [live for live in self.active if not live.job.cancelled]
        with self._changed:
            for key in self._forgotten:
                self.cache.forget(key)
            self._forgotten.clear()
            alive = [job for job in self.waiting if not job.cancelled]
            self.waiting.clear()
            self.waiting.extend(alive)
            started: list[Job] = []
            room = self.limits.max_active_tokens - sum(_size(live.job) for live in self.active)
            while (
                self.waiting and len(self.active) + len(started) < self.limits.max_active_requests
            ):
                size = _size(self.waiting[0])
                if size > room and (self.active or started):
                    break
                room -= size
                started.append(self.waiting.popleft())
        self.active += [self._live(job) for job in started]

    def _live(self, job: Job) -> Live:
        buffer = self.model.new_buffer(0)
        if isinstance(job.work, Generation):
            return LiveGeneration(job, job.work, buffer, self.codec)
        kind = LiveChoosing if job.work.every_score else LiveRace
        return kind(job, job.work, buffer)

    def _plan(self) -> list[Turn]:
        """Choose what runs in the next pass: every decoding sequence, then prompts in order."""
        ready = [live for live in self.active if live.buffer.length and live.remaining == 1]
        chosen = [(live, 1) for live in ready]
        budget = self.limits.pass_tokens - len(ready)
        for live in self.active:
            if budget <= 0:
                break
            if live in ready or self._should_wait(live, [other for other, _ in chosen]):
                continue
            self._restore(live)
            count = _share(live, budget)
            if count:
                chosen.append((live, count))
                budget -= count
        chosen.sort(key=lambda pair: id(pair[0].lora))
        return self._placed(chosen)

    def _placed(self, chosen: list[tuple[Live, int]]) -> list[Turn]:
        turns, start = [], 0
        for live, count in chosen:
            turns.append(Turn(live, count, start, live.result_rows(count)))
            start += count
        return turns

    def _should_wait(self, live: Live, chosen: list[Live]) -> bool:
        """A prompt that shares a long start with one being computed waits for the cache."""
        if live.buffer.length or live.reads_every_row:
            return False
        known = self.cache.known(_key(live), live.tokens)
        return any(
            _key(other) == _key(live)
            and other.remaining > 1
            and _common_length(other.tokens, live.tokens) - known >= SHARED_START_TOKENS
            for other in chosen
        )

    def _restore(self, live: Live) -> None:
        if live.buffer.length or live.reads_every_row:
            return
        live.buffer.reserve(live.remaining)
        live.job.cached_tokens = self.cache.restore(_key(live), live.tokens[:-1], live.buffer)

    def _run(self, turns: list[Turn]) -> None:
        spans = []
        for turn in turns:
            spans.append(turn.live.span(turn.count))
            turn.live.buffer.reserve(turn.count)
        hidden = self.model.forward(spans)
        self.prompt_tokens += sum(turn.count for turn in turns if turn.count > 1)
        self._read(turns, hidden)
        for turn in turns:
            self._after(turn)
        self.active = [live for live in self.active if not live.done]

    def _read(self, turns: list[Turn], hidden: torch.Tensor) -> None:
        """Hand every sequence its results; the generations share their logits' computation."""
        generations: list[tuple[LiveGeneration, list[int]]] = []
        for turn in turns:
            rows = [turn.start + row for row in turn.rows]
            if rows and isinstance(turn.live, LiveGeneration):
                generations.append((turn.live, rows))
            elif rows and not isinstance(turn.live, LiveGeneration):
                turn.live.take(hidden[rows], self.model.logits)
        if generations:
            logits = self.model.logits(hidden[[row for _, rows in generations for row in rows]])
            parts = logits.cpu().split([len(rows) for _, rows in generations])
            for (live, _), part in zip(generations, parts, strict=True):
                _hand(live, part)

    def _after(self, turn: Turn) -> None:
        live = turn.live
        if turn.rows:
            self.generated_tokens += 1
        in_prompt = live.buffer.length <= len(live.tokens)  # and not in a choice's tree
        prompt_just_done = in_prompt and turn.count > 1 and bool(turn.rows) and not live.done
        if prompt_just_done or (not isinstance(live, LiveGeneration) and live.done):
            self.cache.store(_key(live), live.tokens[: live.buffer.length], live.buffer)


def _hand(live: LiveGeneration, logits: torch.Tensor) -> None:
    """Its results to one generation: an odd one must not end the others."""
    try:
        live.take(logits)
    except Exception:
        log.exception("A generation could not go on")
        live.done = True
        live.job.deliver(Failed("no token can be drawn with these parameters"))


SHARED_START_TOKENS = 64


def _key(live: Live) -> str:
    adapter = live.job.work.adapter
    return adapter.key if adapter else ""


def _size(job: Job) -> int:
    work = job.work
    if isinstance(work, Choosing):
        return len(work.prompt) + sum(map(len, work.candidates))
    return len(work.prompt) + work.max_new_tokens


def _share(live: Live, budget: int) -> int:
    """How many tokens a sequence runs in this pass: all, or whole blocks of its prompt.

    A trie is never cut, even over budget.
    """
    if live.remaining <= budget:
        return live.remaining
    blocks = budget // BLOCK * BLOCK
    prompt_left = len(live.tokens) - live.buffer.length - 1
    return blocks if prompt_left >= blocks else live.remaining


def _common_length(first: list[int], second: list[int]) -> int:
    for index, (own, other) in enumerate(zip(first, second, strict=False)):
        if own != other:
            return index
    return min(len(first), len(second))
