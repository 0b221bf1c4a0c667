"""Limits, cancellation, company in a batch, and an orderly end."""

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from retro_core.serving.spans import BLOCK
from tests.lm_server import MODEL, LmServer, running_lm_server

pytestmark = pytest.mark.lm


@pytest.fixture(scope="module")
def small_server() -> Iterator[LmServer]:
    """A server with a short context and a queue of two."""
    with running_lm_server("--max-total-tokens", "600", "--max-queue", "2") as server:
        yield server


def metric(server: LmServer, name: str) -> float:
    lines = server.http().get("/metrics").text.splitlines()
    [value] = [line.split()[1] for line in lines if line.startswith(f"{name} ")]
    return float(value)


def wait_for(condition: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_lower_limit_is_named(small_server: LmServer) -> None:
    body = {"inputs": "1 2 3 4 " * 100}

    reply = small_server.http().post("/generate", json=body)

    assert reply.status_code == 422
    assert "less than 600 tokens. Given: 800" in reply.json()["error"]


def test_a_full_queue_is_a_429_with_retry_after(small_server: LmServer) -> None:
    body = {"inputs": "Count: 1 2 3", "parameters": {"max_new_tokens": 30}}

    def ask(_: int) -> httpx2.Response:
        return small_server.http().post("/generate", json=body)

    with ThreadPoolExecutor(40) as pool:
        replies = list(pool.map(ask, range(40)))

    statuses = {reply.status_code for reply in replies}
    assert statuses == {200, 429}
    refused = next(reply for reply in replies if reply.status_code == 429)
    assert refused.json() == {"error": "Model is overloaded", "error_type": "overloaded"}
    assert int(refused.headers["retry-after"]) > 0
    texts = {reply.json()["generated_text"] for reply in replies if reply.status_code == 200}
    assert len(texts) == 1


def test_a_request_ends_when_its_client_leaves(small_server: LmServer) -> None:
    body = {"inputs": "Count: 1 2 3", "parameters": {"max_new_tokens": 500}}

    with small_server.http().stream("POST", "/generate_stream", json=body) as reply:
        next(reply.iter_lines())
    wait_for(lambda: metric(small_server, "lm_batch_size") == 0)
    with pytest.raises(httpx2.TimeoutException):
        httpx2.post(f"{small_server.url}/generate", json=body, timeout=0.5)
    wait_for(lambda: metric(small_server, "lm_batch_size") == 0)

    assert metric(small_server, "lm_generated_tokens_total") < 1400


def test_company_in_the_batch_changes_no_text(lm_server: LmServer) -> None:
    def write(seed: int) -> str:
        return lm_server.tgi().text_generation(
            "Tell me about the sea.", max_new_tokens=8, seed=seed, temperature=0.9
        )

    alone = [write(seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(write, range(6)))

    assert together == alone


def test_a_growing_conversation_is_read_from_the_cache(lm_server: LmServer) -> None:
    messages: Any = [{"role": "user", "content": "You are in a room with ten drawers. " * 8}]
    names = ("lm_cache_hit_tokens_total", "lm_cache_lookup_tokens_total")
    schema = {"name": "action", "schema": {"enum": ["open drawer 1", "open drawer 2"]}}

    for turn in range(3):
        before = [metric(lm_server, name) for name in names]
        reply = lm_server.openai().chat.completions.create(
            model=MODEL,
            messages=messages,
            temperature=0,
            response_format={"type": "json_schema", "json_schema": schema},  # type: ignore[arg-type]
        )
        messages.append({"role": "assistant", "content": reply.choices[0].message.content[1:-1]})
        messages.append({"role": "user", "content": f"The drawer {turn} is empty."})

    hits, looked_up = (
        metric(lm_server, name) - old for name, old in zip(names, before, strict=True)
    )
    # All but the last observation and the head of the next turn, some 17 tokens, and what is
    # over whole blocks.
    assert looked_up - hits <= 20 + BLOCK


def test_sigterm_lets_running_requests_finish() -> None:
    with running_lm_server() as server:
        found: list[httpx2.Response] = []
        body = {"inputs": "Count: 1 2 3", "parameters": {"max_new_tokens": 10}}
        request = threading.Thread(
            target=lambda: found.append(server.http().post("/generate", json=body))
        )
        request.start()
        wait_for(lambda: metric(server, "lm_batch_size") == 1)

        server.process.send_signal(signal.SIGTERM)
        request.join()

        assert server.process.wait(15) == -signal.SIGTERM or server.process.returncode == 0
        assert found[0].status_code == 200
