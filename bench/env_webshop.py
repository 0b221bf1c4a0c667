"""How quick and how big the WebShop search is: python bench/env_webshop.py [--products 1000000]."""

import argparse
import itertools
import random
import resource
import statistics
import time
from collections.abc import Iterator

from retro_core.envs.fulltext.bm25 import Bm25Index
from retro_core.envs.webshop.env import WebShopEnv
from retro_core.envs.webshop.generator import generate, generated_records
from retro_core.envs.webshop.products import parse_product

SEARCHES = 300
RARE_WORDS = 200_000  # model numbers and names, as real catalogues have them


def documents(count: int) -> Iterator[tuple[str, str]]:
    """Generated products over and over, each with a few words of its own."""
    rng = random.Random(1)
    texts = [
        parse_product(*records).search_text()
        for shop in ("seen", "unseen")
        for records in generated_records(shop)
    ]
    for number, text in zip(range(count), itertools.cycle(texts)):
        words = text.split()
        rng.shuffle(words)
        own = (f"w{int(rng.paretovariate(0.3)) % RARE_WORDS}" for _ in range(6))
        yield f"B{number:09}", " ".join([*words[: rng.randint(20, len(words))], *own])


def time_searches(index: Bm25Index) -> tuple[list[float], list[float]]:
    """Milliseconds on the clock and of CPU for each search; the queries are generated goals."""
    half = SEARCHES // 2
    splits = (("train", half), ("valid_unseen", half))
    tasks = [task for split, n in splits for task in generate(count=n, split=split, seed=0)]
    elapsed, cpu = [], []
    for task in tasks:
        start, cpu_start = time.perf_counter(), time.process_time()
        index.search(task.goal, 50)
        elapsed.append((time.perf_counter() - start) * 1000)
        cpu.append((time.process_time() - cpu_start) * 1000)
    return sorted(elapsed), sorted(cpu)


def time_episodes() -> tuple[float, float]:
    """Milliseconds of a reset and of a step, over the generated shop."""
    env, resets, steps = WebShopEnv(), [], []
    for task in generate(count=100, split="train", seed=0):
        start = time.perf_counter()
        env.reset(task)
        resets.append(time.perf_counter() - start)
        goal = task.payload["goal"]
        for action in (f"search[{task.goal}]", f"click[{goal['asin']}]", "click[Buy Now]"):
            start = time.perf_counter()
            env.step(action)
            steps.append(time.perf_counter() - start)
    return statistics.median(resets) * 1000, statistics.mean(steps) * 1000


def main() -> None:
    """Print the figures of one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=1000)
    count = parser.parse_args().products
    start = time.perf_counter()
    index = Bm25Index(documents(count))
    built = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    searches = time_searches(index)
    print(f"{count:,} products indexed in {built:.1f} s, peak memory {peak:.2f} GiB")
    for name, spent in zip(("on the clock", "of CPU"), searches, strict=True):
        print(
            f"search, {name}: median {statistics.median(spent):.2f} ms, "
            f"95th percentile {spent[int(len(spent) * 0.95)]:.2f} ms, slowest {spent[-1]:.2f} ms"
        )
    reset, step = time_episodes()
    print(f"episode: reset {reset:.2f} ms, step {step:.2f} ms")


if __name__ == "__main__":
    main()
