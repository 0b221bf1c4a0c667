"""One thread that computes: its share of the active sequences, pass by pass."""

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from retro_core.serving.jobs import Abandoned, Failed, Generation, Job
from retro_core.serving.live import LiveChoosing, LiveGeneration
from retro_core.serving.live_race import LiveRace
from retro_core.serving.spans import BLOCK

if TYPE_CHECKING:
    from retro_core.serving.engine import Engine

log = logging.getLogger(__name__)

Live = LiveGeneration | LiveChoosing | LiveRace

SHARED_START_TOKENS = 64


@dataclass(slots=True)
class Turn:
    """One sequence's share of a pass: `rows` are the rows, within its span, to read."""

    live: Live
    count: int
    start: int
    rows: list[int]


class Lane:
    """Computes passes of its own sequences, beside the other lanes of an engine.

    `reading` are the sequences whose prompts it reads at present, `jobs` those under way, as the
    engine counts them.
    """

    def __init__(self, engine: "Engine", name: str) -> None:
        self._engine = engine
        self.active: list[Live] = []
        self.reading: list[Live] = []
        self.jobs: list[Job] = []
        self.thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def _loop(self) -> None:
        clean = False
        try:
            with torch.inference_mode():
                while self._engine.await_work(self):
                    self._step()
            clean = True
        finally:
            self._engine.lane_ended(clean=clean)
            told = {id(live.job) for live in self.active if live.done}
            for job in self.jobs:
                if id(job) not in told:
                    job.deliver(Abandoned("the server is stopping"))

    def _step(self) -> None:
        self.active = [live for live in self.active if not live.job.cancelled]
        self.active += [self._live(job) for job in self._engine.take(self)]
        with self._engine.planning:
            turns = self._plan()
        if turns:
            self._run(turns)
        else:
            self._engine.await_other_lanes()

    def _live(self, job: Job) -> Live:
        buffer = self._engine.model.new_buffer(0)
        if isinstance(job.work, Generation):
            return LiveGeneration(job, job.work, buffer, self._engine.codec)
        kind = LiveChoosing if job.work.every_score else LiveRace
        return kind(job, job.work, buffer)

    def _plan(self) -> list[Turn]:
        """Choose what runs in the next pass: every decoding sequence, then prompts in order."""
        ready = [live for live in self.active if live.buffer.length and live.remaining == 1]
        chosen = [(live, 1) for live in ready]
        writing = any(isinstance(live, LiveGeneration) for live in ready)
        budget = self._engine.pass_tokens(writing=writing) - len(ready)
        self.reading = []
        for live in self.active:
            if budget <= 0:
                break
            if live in ready or self._should_wait(live):
                continue
            self._restore(live)
            count = _share(live, budget)
            if count:
                chosen.append((live, count))
                self.reading.append(live)
                budget -= count
        chosen.sort(key=lambda pair: id(pair[0].lora))
        return self._placed(chosen)

    def _placed(self, chosen: list[tuple[Live, int]]) -> list[Turn]:
        turns, start = [], 0
        for live, count in chosen:
            turns.append(Turn(live, count, start, live.result_rows(count)))
            start += count
        return turns

    def _should_wait(self, live: Live) -> bool:
        """A prompt that shares a long start with one being computed waits for the cache."""
        if live.buffer.length or live.reads_every_row:
            return False
        cache = self._engine.cache
        known = cache.known(_key(live), live.tokens)
        return any(
            _key(other) == _key(live)
            and cache.holds(len(other.tokens), other.buffer)
            and _common_length(other.tokens, live.tokens) - known >= SHARED_START_TOKENS
            for lane in self._engine.lanes
            for other in tuple(lane.reading)
        )

    def _restore(self, live: Live) -> None:
        if live.buffer.length or live.reads_every_row:
            return
        live.buffer.reserve(live.remaining)
        cache = self._engine.cache
        live.job.cached_tokens = cache.restore(_key(live), live.tokens[:-1], live.buffer)

    def _run(self, turns: list[Turn]) -> None:
        spans = []
        for turn in turns:
            spans.append(turn.live.span(turn.count))
            turn.live.buffer.reserve(turn.count)
        hidden = self._engine.model.forward(spans)
        read = sum(turn.count for turn in turns if turn.count > 1)
        self._read(turns, hidden)
        with self._engine.planning:
            self._engine.prompt_tokens += read
            self._engine.generated_tokens += sum(bool(turn.rows) for turn in turns)
            for turn in turns:
                self._keep(turn.live)
        # Not before the cache has them, or another lane would read them in between.
        self.reading = [live for live in self.reading if _reads_prompt(live)]
        self.active = [live for live in self.active if not live.done]

    def _read(self, turns: list[Turn], hidden: torch.Tensor) -> None:
        """Hand every sequence its results.

        They share the logits' computation, which reads the whole vocabulary's weights, but for
        choices that want every score: those would need too much memory at once.
        """
        sharing: list[tuple[LiveGeneration | LiveRace, list[int]]] = []
        for turn in turns:
            rows = [turn.start + row for row in turn.rows]
            if rows and isinstance(turn.live, LiveChoosing):
                _hand(turn.live, hidden[rows], self._engine.model.logits)
            elif rows and not isinstance(turn.live, LiveChoosing):
                sharing.append((turn.live, rows))
        if sharing:
            wanted = [row for _, rows in sharing for row in rows]
            logits = self._engine.model.logits(hidden[wanted]).cpu()
            parts = logits.split([len(rows) for _, rows in sharing])
            for (live, _), part in zip(sharing, parts, strict=True):
                _hand(live, part)

    def _keep(self, live: Live) -> None:
        """Remember a prompt as far as it was read, so that who waits for its start goes on."""
        read = live.buffer.length
        if read <= len(live.job.work.prompt):  # and not in what is written, or a choice's tree
            self._engine.cache.store(_key(live), live.tokens[:read], live.buffer)


def _reads_prompt(live: Live) -> bool:
    return not live.done and live.buffer.length < len(live.job.work.prompt)


def _hand(live: Live, *results: Any) -> None:  # what its `take` asks for
    """Its results to one sequence: an odd one must not end the others."""
    try:
        live.take(*results)
    except Exception:
        log.exception("A sequence could not go on")
        live.done = True
        live.job.deliver(Failed("no token can be drawn with these parameters"))


def _key(live: Live) -> str:
    adapter = live.job.work.adapter
    return adapter.key if adapter else ""


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
