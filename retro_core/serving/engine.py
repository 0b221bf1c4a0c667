"""Takes requests and shares them out among lanes: continuous batching, shared prefixes."""

import threading
from collections import deque
from dataclasses import dataclass

from retro_core.serving.jobs import Abandoned, Choosing, Job
from retro_core.serving.lane import Lane
from retro_core.serving.llama import Llama
from retro_core.serving.prefix_cache import PrefixCache
from retro_core.serving.problems import NotServing, Overloaded
from retro_core.serving.spans import BLOCK
from retro_core.serving.text import TextCodec

OTHER_LANES_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the server. Tokens unless the name says otherwise.

    `pass_tokens` are those of all lanes' passes together, `writing_tokens` where one of a lane's
    sequences is being written: it gets one token a pass and would wait for the others' prompts.
    """

    max_total: int = 8192
    max_choice: int = 4096
    max_queue_requests: int = 128
    max_active_requests: int = 16
    max_active_tokens: int = 24_576
    pass_tokens: int = 512
    writing_tokens: int = 256
    cache_mebibytes: int = 1024


class Engine:
    """Takes jobs from any thread; its lanes compute, each on a thread of its own.

    On a CPU one lane to a core, with one thread to an operation, does about twice the work of one
    lane whose operations run on two: most are too small to be worth the waiting for each other.
    `planning` is held where the cache is read or written.
    """

    def __init__(self, model: Llama, codec: TextCodec, limits: Limits, *, lanes: int = 1) -> None:
        self.model, self.codec, self.limits = model, codec, limits
        self.cache = PrefixCache(limits.cache_mebibytes, BLOCK)
        self.planning = threading.Lock()
        self.prompt_tokens = 0
        self.generated_tokens = 0
        self.waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self.failed = False
        self.lanes = [Lane(self, f"lane {number}") for number in range(lanes)]

    def start(self) -> None:
        """Begin to work."""
        for lane in self.lanes:
            lane.thread.start()

    @property
    def alive(self) -> bool:
        """Whether the engine can still take work."""
        return not self._stopping and all(lane.thread.is_alive() for lane in self.lanes)

    @property
    def active_requests(self) -> int:
        """How many requests are being computed."""
        return sum(len(lane.jobs) for lane in self.lanes)

    def submit(self, *jobs: Job) -> None:
        """Queue jobs together. Raises Overloaded where they do not all fit the queue."""
        with self._changed:
            if not self.alive:
                raise NotServing("the server is stopping")
            if len(self.waiting) + len(jobs) > self.limits.max_queue_requests:
                raise Overloaded("Model is overloaded")
            self.waiting.extend(jobs)
            self._changed.notify_all()

    def forget_adapter(self, key: str) -> None:
        """Drop what the prefix cache keeps for an adapter's weights."""
        with self.planning:
            self.cache.forget(key)

    def stop(self) -> None:
        """Abandon what is left and end the threads."""
        self._end()
        for lane in self.lanes:
            if lane.thread.is_alive():
                lane.thread.join()

    def pass_tokens(self, *, writing: bool) -> int:
        """How many tokens a lane's next pass may read."""
        tokens = self.limits.writing_tokens if writing else self.limits.pass_tokens
        return max(tokens // len(self.lanes), BLOCK)

    def await_work(self, lane: Lane) -> bool:
        """Wait until there may be something to do for a lane; False once it is to end."""
        with self._changed:
            lane.jobs = [live.job for live in lane.active]
            self._changed.wait_for(lambda: lane.jobs or self._may_take(lane) or self._stopping)
            return not self._stopping

    def await_other_lanes(self) -> None:
        """Wait a moment for what another lane is reading."""
        with self._changed:
            self._changed.wait(OTHER_LANES_SECONDS)

    def take(self, lane: Lane) -> list[Job]:
        """Hand a lane waiting jobs while there is room, and drop what was cancelled."""
        with self._changed:
            alive = [job for job in self.waiting if not job.cancelled]
            self.waiting.clear()
            self.waiting.extend(alive)
            started: list[Job] = []
            while self._may_take(lane):
                busy = sum(_size(job) for other in self.lanes for job in other.jobs)
                if busy and busy + _size(self.waiting[0]) > self.limits.max_active_tokens:
                    break
                started.append(self.waiting.popleft())
                lane.jobs.append(started[-1])
            return started

    def lane_ended(self, *, clean: bool) -> None:
        """A lane has ended: the others end too, since its share would never be computed."""
        self.failed = self.failed or not clean
        self._end()

    def _may_take(self, lane: Lane) -> bool:
        """Whether a job waits, a place is free, and no other lane has less to do."""
        fewest = min(len(other.jobs) for other in self.lanes)
        free = self.active_requests < self.limits.max_active_requests
        return bool(self.waiting) and free and len(lane.jobs) == fewest

    def _end(self) -> None:
        with self._changed:
            self._stopping = True
            jobs = list(self.waiting)
            self.waiting.clear()
            self._changed.notify_all()
        for job in jobs:
            job.deliver(Abandoned("the server is stopping"))


def _size(job: Job) -> int:
    work = job.work
    if isinstance(work, Choosing):
        return len(work.prompt) + sum(map(len, work.candidates))
    return len(work.prompt) + work.max_new_tokens
