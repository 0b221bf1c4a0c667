"""The LM server against bare transformers on the same model, in one run.

python bench/serving.py                  speed, choice latency, cache hit share
python bench/serving.py --load 300       64 clients for 300 s: errors, latency, memory
python bench/serving.py --fuzz 10000     random bodies on every route: counts by status
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.lm_server import MODEL, MODELS_DIR, LmServer, running_lm_server

CLIENTS_UNDER_LOAD = 64
PROMPT_TOKENS = 800
REFLECTION_TOKENS = 120
EPISODE_STEPS = 20
HEAD = (
    "Interact with a household to solve a task. Here is an example.\n"
    + "You are in the middle of a room. You see a bed 1, a desk 1, a drawer 1 and a shelf 1. "
    "Your task is to: put a mug on the desk.\n> go to shelf 1\nOn the shelf 1, you see a mug 1.\n"
    "> take mug 1 from shelf 1\nYou pick up the mug 1.\n> go to desk 1\nThe desk is empty.\n" * 6
)
COMMANDS = (
    [f"go to {place} {n}" for place in ("cabinet", "drawer", "shelf") for n in range(1, 7)]
    + [f"go to {place} 1" for place in ("desk", "bed", "safe", "dresser")]
    + ["inventory", "look", "examine desk 1"]
)


def metrics(server: LmServer) -> dict[str, float]:
    lines = server.http().get("/metrics").text.splitlines()
    return {line.split()[0]: float(line.split()[1]) for line in lines if line[0] != "#"}


def story(number: int, tokens: int) -> str:
    """A prompt of about `tokens` tokens that shares no start with another number's."""
    return f"Story {number}. " + "The quick brown fox jumps over the lazy dog. " * (tokens // 10)


def generate(server: LmServer, prompt: str, new_tokens: int, seed: int = 1) -> None:
    server.http().post(
        "/generate",
        json={
            "inputs": prompt,
            "parameters": {"max_new_tokens": new_tokens, "do_sample": True, "seed": seed},
        },
    ).raise_for_status()


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def decode_rate(server: LmServer, clients: int, tokens: int) -> float:
    """Tokens a second over all clients; the prompt is short."""
    made = metrics(server)["lm_generated_tokens_total"]

    def all_clients() -> None:
        with ThreadPoolExecutor(clients) as pool:
            list(
                pool.map(lambda n: generate(server, "Once upon a time", tokens, n), range(clients))
            )

    spent = seconds(all_clients)
    return (metrics(server)["lm_generated_tokens_total"] - made) / spent


def play_episode(server: LmServer, number: int) -> list[float]:
    """A growing conversation of choices; returns the seconds of each."""
    schema = {"name": "action", "schema": {"type": "string", "enum": COMMANDS}}
    messages: list[dict[str, str]] = [{"role": "user", "content": f"{HEAD}\nGame {number}. Act."}]
    latencies = []
    for step in range(EPISODE_STEPS):
        body = {
            "model": MODEL,
            "messages": messages,
            "temperature": 1,
            "seed": 100 * number + step,
            "response_format": {"type": "json_schema", "json_schema": schema},
        }
        start = time.perf_counter()
        reply = server.http().post("/v1/chat/completions", json=body).raise_for_status()
        latencies.append(time.perf_counter() - start)
        action = json.loads(reply.json()["choices"][0]["message"]["content"])
        seen = f"You {action}. You see a book {step}, a pen {step} and a key {step}. What now?"
        messages.append({"role": "assistant", "content": action})
        messages.append({"role": "user", "content": seen})
    return latencies


def bare_transformers(threads: int) -> dict[str, float]:
    """The same figures from transformers' own `generate`."""
    program = f"""
import json, time, torch
from pathlib import Path
from transformers import AutoModelForCausalLM
from retro_core.serving.base_model import ensure_base_model
torch.set_num_threads({threads})
folder = ensure_base_model(Path({str(MODELS_DIR)!r}))
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
def rate(batch, prompt, new):
    tokens = torch.full((batch, prompt), 260)
    start = time.perf_counter()
    model.generate(tokens, attention_mask=torch.ones_like(tokens), do_sample=False,
                   min_new_tokens=new, max_new_tokens=new, pad_token_id=2)
    return time.perf_counter() - start
rate(1, 8, 2)
print(json.dumps({{"prefill": {PROMPT_TOKENS} / rate(1, {PROMPT_TOKENS}, 1),
                  "decode 1": 40 / rate(1, 8, 40), "decode 8": 8 * 40 / rate(8, 8, 40)}}))
"""
    command = ["env", "OMP_WAIT_POLICY=passive", sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure_speed(threads: int) -> None:
    bare = bare_transformers(threads)
    with running_lm_server(threads=threads) as server:
        prompt = story(0, PROMPT_TOKENS)
        count = len(server.http().post("/tokenize", json={"inputs": prompt}).json())
        figures = {
            "prefill": count / seconds(lambda: generate(server, prompt, 1)),
            "decode 1": decode_rate(server, 1, 40),
            "decode 8": decode_rate(server, 8, 40),
        }
        for name, value in figures.items():
            ratio = value / bare[name]
            print(
                f"{name:10} {value:7.1f} tokens/s   transformers {bare[name]:7.1f}   x{ratio:.2f}"
            )
        measure_episode(server)
        measure_reflections(server)


def measure_episode(server: LmServer) -> None:
    before = metrics(server)
    latencies = sorted(play_episode(server, 1)[1:])
    after = metrics(server)
    hits, asked = (
        after[name] - before[name]
        for name in ("lm_cache_hit_tokens_total", "lm_cache_lookup_tokens_total")
    )
    print(
        f"choice of {len(COMMANDS)}: median {latencies[len(latencies) // 2]:.2f} s, "
        f"worst {latencies[-1]:.2f} s; cache hit share {hits / asked:.3f}"
    )


def measure_reflections(server: LmServer) -> None:
    def write(number: int) -> None:
        generate(server, story(number, PROMPT_TOKENS), REFLECTION_TOKENS, number)

    def eight() -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(1, 9)))

    print(f"8 reflections of {REFLECTION_TOKENS} from {PROMPT_TOKENS}: {seconds(eight):.1f} s")


def measure_load(duration: float, threads: int) -> None:
    """64 clients that never wait: generations, choices and streams."""
    with running_lm_server(threads=threads) as server:
        process = psutil.Process(server.process.pid)
        statuses: Counter[int] = Counter()
        latencies: list[float] = []
        end = time.monotonic() + duration

        def client(number: int) -> None:
            draw = random.Random(number)
            with server.http() as http:
                while time.monotonic() < end:
                    start = time.monotonic()
                    path, content = random_request(draw)
                    reply = http.post(path, content=content, timeout=600)
                    statuses[reply.status_code] += 1
                    latencies.append(time.monotonic() - start)
                    if reply.status_code == 429:
                        time.sleep(draw.random())

        with ThreadPoolExecutor(CLIENTS_UNDER_LOAD) as pool:
            running = [pool.submit(client, number) for number in range(CLIENTS_UNDER_LOAD)]
            memory = [process.memory_info().rss >> 20]
            while time.monotonic() < end:
                time.sleep(duration / 10)
                memory.append(process.memory_info().rss >> 20)
            for task in running:
                task.result()
    latencies.sort()
    print(f"load: statuses {dict(statuses)}; median {latencies[len(latencies) // 2]:.1f} s")
    print(f"memory over time, MiB: {memory}")


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


def measure_fuzz(count: int) -> None:
    draw = random.Random(0)
    statuses: Counter[str] = Counter()
    with running_lm_server("--max-total-tokens", "256") as server, server.http() as http:
        for _ in range(count):
            path, content = fuzzed_request(draw)
            try:
                reply = http.post(path, content=content)
                statuses[f"{reply.status_code}"] += 1
                if reply.status_code >= 500:
                    print(reply.status_code, path, content[:300], reply.text[:300])
            except httpx2.TransportError as error:
                statuses[type(error).__name__] += 1
        print(f"fuzz: {dict(sorted(statuses.items()))}; healthy: {http.get('/health').status_code}")


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
ODD = [None, True, -1, 0, 1e308, 2**70, "", "\x00", "é" * 50, [], {}, [[]], "a(b", {"enum": ["a"]},
       {"type": "regex", "value": "(((a+)+)+)+b"}, {"$ref": "#"}, ["a"] * 5, "x" * 3000]  # fmt: skip


def fuzzed_request(draw: random.Random) -> tuple[str, bytes]:
    """A good body with one to three changes: a value, a key, or the bytes themselves."""
    path = draw.choice(sorted(BODIES))
    body = json.loads(json.dumps(BODIES[path]))
    for _ in range(draw.randrange(1, 4)):
        node = body
        while draw.random() < 0.6:
            inner = [value for value in node.values() if isinstance(value, dict) and value]
            if not inner:
                break
            node = draw.choice(inner)
        key = draw.choice([*node, "extra", "grammar", "seed", "stream", "n", "best_of"])
        node[key] = draw.choice(ODD)
    content = bytearray(json.dumps(body).encode())
    if draw.random() < 0.15:
        content[draw.randrange(len(content))] = draw.randrange(256)
    return path, bytes(content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--load", type=float, metavar="SECONDS")
    parser.add_argument("--fuzz", type=int, metavar="REQUESTS")
    options = parser.parse_args()
    if options.load:
        measure_load(options.load, options.threads)
    elif options.fuzz:
        measure_fuzz(options.fuzz)
    else:
        measure_speed(options.threads)


if __name__ == "__main__":
    main()
