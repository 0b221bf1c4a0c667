"""How an engine shares its requests out among lanes that compute side by side."""

from argparse import Namespace
from typing import Any
from unittest.mock import Mock

import httpx2
import pytest
import torch

from retro_core.errors import InvalidInput
from retro_core.serving.__main__ import share_threads
from retro_core.serving.engine import Engine, Limits
from retro_core.serving.jobs import Abandoned, Event, Generation, Job
from retro_core.serving.kv import KvBuffer
from retro_core.serving.live import LiveGeneration
from tests.lm_server import MODEL, LmServer


def engine_of(lanes: int, **limits: int) -> Engine:
    return Engine(Mock(), Mock(), Limits(**limits), lanes=lanes)


def job(found: list[Event] | None = None) -> Job:
    events = [] if found is None else found
    return Job(Generation([1, 2, 3], None, max_new_tokens=5), events.append)


def test_waiting_requests_are_shared_out_evenly() -> None:
    engine = engine_of(2)
    first, second = engine.lanes
    engine.waiting.extend(job() for _ in range(5))

    taken = [len(engine.take(lane)) for lane in (first, second, first, second, first)]

    assert taken == [1, 2, 2, 0, 0]
    assert engine.active_requests == 5


def test_all_lanes_together_keep_the_bound_on_active_requests() -> None:
    engine = engine_of(2, max_active_requests=3)
    engine.waiting.extend(job() for _ in range(9))

    for lane in 3 * engine.lanes:
        engine.take(lane)

    assert (engine.active_requests, len(engine.waiting)) == (3, 6)


def test_a_request_too_large_for_what_is_left_waits_unless_nothing_else_runs() -> None:
    engine = engine_of(2, max_active_tokens=10)
    first, second = engine.lanes
    engine.waiting.extend([job(), job()])

    assert len(engine.take(first)) == 1
    assert engine.take(second) == []
    first.jobs = []
    assert len(engine.take(second)) == 1


def test_tokens_of_a_pass_are_shared_among_lanes_and_fewer_while_something_is_written() -> None:
    engine = engine_of(2, pass_tokens=512, writing_tokens=256)

    assert engine.pass_tokens(writing=False) == 256
    assert engine.pass_tokens(writing=True) == 128


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_lane_that_fails_ends_the_others_and_tells_every_client() -> None:
    found: list[Event] = []
    engine = engine_of(2)
    engine.cache = Mock(known=Mock(side_effect=MemoryError("no room")))
    engine.waiting.extend([job(found), job(found), job(found)])

    engine.start()
    for lane in engine.lanes:
        lane.thread.join(10)

    assert not engine.alive
    assert engine.failed
    assert found == [Abandoned("the server is stopping")] * 3


def test_an_engine_that_is_stopped_has_not_failed() -> None:
    engine = engine_of(3)
    engine.start()

    engine.stop()

    assert not engine.alive
    assert not engine.failed


def test_a_prompt_that_the_cache_cannot_hold_keeps_nobody_waiting() -> None:
    reading, waiting = live_of(500), live_of(500)
    engine = engine_of(2)
    engine.lanes[0].reading = [reading]

    assert engine.lanes[1]._should_wait(waiting)
    engine.cache.max_bytes = 1000
    assert not engine.lanes[1]._should_wait(waiting)


def test_what_was_read_is_kept_chunk_by_chunk_and_what_is_written_is_not() -> None:
    engine = engine_of(2)
    lane, reader = engine.lanes[0], live_of(500)
    reader.buffer.reserve(600)

    known = []
    for length in (256, 499, 500, 501):
        reader.buffer.length = length
        lane._keep(reader)
        known.append(engine.cache.known("", reader.tokens))

    assert known == [256, 480, 480, 480]


def live_of(count: int) -> Any:
    """A generation that has read nothing of a prompt of so many tokens."""
    work = Generation(list(range(count)), None, max_new_tokens=5)
    empty = KvBuffer.empty((1, 2, 1, 0, 4), torch.float32, torch.device("cpu"))
    return LiveGeneration(Job(work, Mock()), work, empty, Mock())


@pytest.mark.parametrize(
    ("threads", "device", "lanes", "each"),
    [
        *[(1, "cpu", 1, 1), (2, "cpu", 2, 1), (5, "cpu", 1, 5), (6, "cpu", 3, 2)],
        *[(16, "cpu", 4, 4), (6, "cuda", 1, 6)],
    ],
)
def test_every_thread_has_work_in_some_lane(
    monkeypatch: pytest.MonkeyPatch, threads: int, device: str, lanes: int, each: int
) -> None:
    inside: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", inside.append)

    assert share_threads(Namespace(threads=threads, device=device)) == lanes
    assert inside == [each]


def test_fewer_threads_than_none_are_refused() -> None:
    with pytest.raises(InvalidInput, match="--threads must be 1 or more"):
        share_threads(Namespace(threads=-1, device="cpu"))


@pytest.mark.lm
def test_what_one_lane_reads_no_other_reads_beside_it(lm_server: LmServer) -> None:
    story = " ".join(f"Drawer {number} holds a key." for number in range(60))
    body: dict[str, Any] = {"model": MODEL, "prompt": story, "max_tokens": 1, "n": 2, "seed": 3}
    before = metric(lm_server, "lm_prompt_tokens_total")

    reply = httpx2.post(f"{lm_server.url}/v1/completions", json=body, timeout=60).json()

    read = metric(lm_server, "lm_prompt_tokens_total") - before
    assert len(reply["choices"]) == 2
    assert read < 1.3 * reply["usage"]["prompt_tokens"]


def metric(server: LmServer, name: str) -> float:
    lines = server.http().get("/metrics").text.splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))
