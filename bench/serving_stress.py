"""The LM server under strain.

python bench/serving_stress.py --load 300       64 clients for 300 s: errors, latency, memory
python bench/serving_stress.py --fuzz 10000     random bodies on every route, by status
"""

import argparse
import copy
import json
import random
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.serving import COMMANDS, PATIENCE_SECONDS, story
from tests.lm_server import MODEL, LmServer, running_lm_server

CLIENTS_UNDER_LOAD = 64


@dataclass
class Tally:
    """What the clients saw."""

    statuses: Counter[str]
    latencies: list[float]

    def client(self, server: LmServer, number: int, end: float) -> None:
        """Ask without pause until the end; back off a little when refused."""
        draw = random.Random(number)
        while time.monotonic() < end:
            start = time.monotonic()
            path, content = random_request(draw)
            with server.http() as http:
                reply = http.post(path, content=content, timeout=PATIENCE_SECONDS)
            self.statuses[str(reply.status_code)] += 1
            self.latencies.append(time.monotonic() - start)
            if reply.status_code == 429:
                time.sleep(draw.random())


def measure_load(duration: float, threads: int) -> None:
    """64 clients that never wait: generations, choices and streams."""
    tally = Tally(Counter(), [])
    with running_lm_server("--max-queue", "32", threads=threads) as server:
        memory = watched_load(server, tally, duration)
    tally.latencies.sort()
    median = tally.latencies[len(tally.latencies) // 2]
    print(f"load of {CLIENTS_UNDER_LOAD} clients: {dict(tally.statuses)}; median {median:.1f} s")
    print(f"memory over time, MiB: {memory}")


def watched_load(server: LmServer, tally: Tally, duration: float) -> list[int]:
    """Run the clients; return the server's memory at eleven moments."""
    process, end = psutil.Process(server.process.pid), time.monotonic() + duration
    memory = [process.memory_info().rss >> 20]
    with ThreadPoolExecutor(CLIENTS_UNDER_LOAD) as pool:
        running = [pool.submit(tally.client, server, n, end) for n in range(CLIENTS_UNDER_LOAD)]
        for _ in range(10):
            time.sleep(duration / 10)
            memory.append(process.memory_info().rss >> 20)
        for task in running:
            task.result()
    return memory


def random_request(draw: random.Random) -> tuple[str, bytes]:
    """A good request: path and body."""
    prompt = story(draw.randrange(8), draw.choice([30, 100, 300]))
    if draw.random() < 0.5:
        schema = {"name": "a", "schema": {"enum": draw.sample(COMMANDS, 5)}}
        body: dict[str, Any] = {
            "model": MODEL,
            "messages": [{"role": "user", "content": prompt}],
            "response_format": {"type": "json_schema", "json_schema": schema},
        }
        return "/v1/chat/completions", json.dumps(body).encode()
    parameters = {"max_new_tokens": draw.randrange(1, 20), "do_sample": True}
    path = draw.choice(["/generate", "/generate_stream"])
    return path, json.dumps({"inputs": prompt, "parameters": parameters}).encode()


def measure_fuzz(count: int, threads: int) -> None:
    """Send random bodies one after another."""
    draw, statuses = random.Random(0), Counter[str]()
    limits = ("--max-total-tokens", "256")
    with running_lm_server(*limits, threads=threads) as server, server.http() as http:
        for _ in range(count):
            statuses[fuzz_once(http, draw)] += 1
        healthy = http.get("/health").status_code
    print(f"fuzz: {dict(sorted(statuses.items()))}; health {healthy}")


def fuzz_once(http: httpx2.Client, draw: random.Random) -> str:
    path, content = fuzzed_request(draw)
    try:
        reply = http.post(path, content=content)
    except httpx2.TransportError as error:
        return type(error).__name__
    if reply.status_code >= 500:
        print(reply.status_code, path, content[:300], reply.text[:300])
    return str(reply.status_code)


BODIES: dict[str, dict[str, Any]] = {
    "/generate": {"inputs": "a b", "parameters": {"max_new_tokens": 2, "top_k": 3, "seed": 1}},
    "/generate_stream": {"inputs": "a b", "parameters": {"max_new_tokens": 2, "stop": ["x"]}},
    "/": {
        "inputs": "a",
        "parameters": {"max_new_tokens": 2, "grammar": {"type": "regex", "value": "[ab]{3}"}},
    },
    "/tokenize": {"inputs": "some text"},
    "/adapters": {"name": "x", "path": "/nowhere"},
    "/v1/completions": {"model": MODEL, "prompt": ["a"], "max_tokens": 2, "logprobs": 1},
    "/v1/chat/completions": {
        "model": MODEL,
        "messages": [{"role": "user", "content": "a"}],
        "max_tokens": 2,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": {"type": "object", "properties": {}}},
        },
    },
}
ODD: list[Any] = [
    None, True, -1, 0, 1e308, 2**70, "", "\x00", "é" * 50, "a(b", "x" * 3000, [], {}, [[]],
    ["a"] * 5, {"enum": ["a"]}, {"type": "regex", "value": "(((a+)+)+)+b"}, {"$ref": "#"},
]  # fmt: skip


def fuzzed_request(draw: random.Random) -> tuple[str, bytes]:
    """A good body with one to three changes: a value, a key, or the bytes themselves."""
    path = draw.choice(sorted(BODIES))
    body = copy.deepcopy(BODIES[path])
    for _ in range(draw.randrange(1, 4)):
        node = body
        while draw.random() < 0.6:
            inner = [value for value in node.values() if isinstance(value, dict) and value]
            if not inner:
                break
            node = draw.choice(inner)
        key = draw.choice([*node, "extra", "grammar", "seed", "stream", "n", "best_of"])
        node[key] = copy.deepcopy(draw.choice(ODD))
    content = bytearray(json.dumps(body).encode())
    if draw.random() < 0.15:
        content[draw.randrange(len(content))] = draw.randrange(256)
    return path, bytes(content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--load", type=float, metavar="SECONDS")
    what.add_argument("--fuzz", type=int, metavar="REQUESTS")
    options = parser.parse_args()
    if options.load:
        measure_load(options.load, options.threads)
    else:
        measure_fuzz(options.fuzz, options.threads)


if __name__ == "__main__":
    main()
