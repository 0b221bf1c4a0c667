"""The LM server against bare transformers on the same model, in one run.

`python -m bench.serving` prints speed, choice latency and cache hit share.
bench/serving_stress.py strains it.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.lm_server import MODEL, MODELS_DIR, LmServer, running_lm_server

PROMPT_TOKENS = 800
REFLECTION_TOKENS = 120
DECODED = 40
PATIENCE_SECONDS = 900
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
        timeout=PATIENCE_SECONDS,
    ).raise_for_status()


@dataclass(frozen=True)
class Spent:
    """What some work cost: seconds on the clock, and of the server's processor time."""

    wall: float
    cpu: float


def spend(server: LmServer, work: Callable[[], object]) -> Spent:
    process = psutil.Process(server.process.pid)
    cpu, wall = sum(process.cpu_times()[:2]), time.perf_counter()
    work()
    return Spent(time.perf_counter() - wall, sum(process.cpu_times()[:2]) - cpu)


def decode(server: LmServer, clients: int) -> Spent:
    """Write DECODED tokens for each client after a short prompt."""

    def write(number: int) -> None:
        generate(server, "Once upon a time", DECODED, number)

    def all_clients() -> None:
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(write, range(clients)))

    return spend(server, all_clients)


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
        reply = server.http().post("/v1/chat/completions", json=body, timeout=PATIENCE_SECONDS)
        reply.raise_for_status()
        latencies.append(time.perf_counter() - start)
        action = json.loads(reply.json()["choices"][0]["message"]["content"])
        seen = f"You {action}. You see a book {step}, a pen {step} and a key {step}. What now?"
        messages.append({"role": "assistant", "content": action})
        messages.append({"role": "user", "content": seen})
    return latencies


BARE = """
import json, sys, time, torch
from pathlib import Path
from transformers import AutoModelForCausalLM
from retro_core.serving.base_model import ensure_base_model
models, threads, prompt, decoded = sys.argv[1], *map(int, sys.argv[2:])
torch.set_num_threads(threads)
folder = ensure_base_model(Path(models))
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
def rate(batch, length, new):
    tokens = torch.full((batch, length), 260)
    wall, cpu = time.perf_counter(), time.process_time()
    model.generate(tokens, attention_mask=torch.ones_like(tokens), do_sample=False,
                   min_new_tokens=new, max_new_tokens=new, pad_token_id=2)
    return time.perf_counter() - wall, time.process_time() - cpu
rate(1, 8, 2)
found = [(prompt, rate(1, prompt, 1)), (decoded, rate(1, 4, decoded)),
         (8 * decoded, rate(8, 4, decoded))]
print(json.dumps([[count / wall, count / cpu] for count, (wall, cpu) in found]))
"""


def bare_transformers(threads: int, prompt_tokens: int) -> list[list[float]]:
    """Prefill, decode at 1 and at 8 by transformers: tokens a second, and a CPU-second."""
    numbers = [str(number) for number in (threads, prompt_tokens, DECODED)]
    command = ["env", "OMP_WAIT_POLICY=passive", sys.executable, "-c", BARE, str(MODELS_DIR)]
    done = subprocess.run(command + numbers, capture_output=True, text=True, check=True)
    figures: list[list[float]] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure_speed(threads: int) -> None:
    with running_lm_server(threads=threads) as server:
        prompt = story(0, PROMPT_TOKENS)
        count = len(server.http().post("/tokenize", json={"inputs": prompt}).json())
        generate(server, "Warm up.", 2)
        own = {
            "prefill": (count, spend(server, lambda: generate(server, prompt, 1))),
            "decode at 1": (DECODED, decode(server, 1)),
            "decode at 8": (8 * DECODED, decode(server, 8)),
        }
        bare = bare_transformers(threads, count)
        print(f"{threads} threads         tokens/s (bare)   tokens/CPU-s (bare)  ratio")
        for (name, (tokens, spent)), (wall, cpu) in zip(own.items(), bare, strict=True):
            per_cpu = tokens / spent.cpu
            print(
                f"{name:12} {tokens / spent.wall:12.1f} ({wall:.1f}) {per_cpu:18.1f} ({cpu:.1f})"
                f" {per_cpu / cpu:13.2f}"
            )
        measure_episode(server)
        measure_reflections(server)


def measure_episode(server: LmServer) -> None:
    before = metrics(server)
    latencies: list[float] = []
    spent = spend(server, lambda: latencies.extend(sorted(play_episode(server, 1)[1:])))
    after = metrics(server)
    hits, asked = (
        after[name] - before[name]
        for name in ("lm_cache_hit_tokens_total", "lm_cache_lookup_tokens_total")
    )
    print(
        f"episode of {EPISODE_STEPS} choices among {len(COMMANDS)}: {spent.wall:.1f} s, "
        f"{spent.cpu:.1f} CPU-s; after the first, median {latencies[len(latencies) // 2]:.2f} s, "
        f"worst {latencies[-1]:.2f} s; cache hit share {hits / asked:.3f}"
    )


def measure_reflections(server: LmServer) -> None:
    def write(number: int) -> None:
        generate(server, story(number, PROMPT_TOKENS), REFLECTION_TOKENS, number)

    def eight() -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(1, 9)))

    spent = spend(server, eight)
    print(
        f"8 reflections of {REFLECTION_TOKENS} tokens from {PROMPT_TOKENS}: {spent.wall:.1f} s, "
        f"{spent.cpu:.1f} CPU-s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    measure_speed(parser.parse_args().threads)


if __name__ == "__main__":
    main()
