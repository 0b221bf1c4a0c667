"""The LM engine on a CUDA device beside the CPU of the same machine, on one base model.

`python -m bench.serving_gpu --base FOLDER [--threads 8]` prints a JSON line for each device and
number of requests at a time: seconds to the first token of a long prompt, tokens a second after
it, and whether a greedy text is the same alone and in company.
"""

import argparse
import json
import queue
import time
from pathlib import Path

import torch

from retro_core.serving.engine import Engine, Limits
from retro_core.serving.jobs import Event, Finished, Generation, Job, TokenMade
from retro_core.serving.llama import Llama
from retro_core.serving.sampling import Sampling
from retro_core.serving.text import TextCodec

PROMPT = 800
NEW = 128
AT_A_TIME = (1, 8)


def prompt(number: int) -> list[int]:
    """Token ids that share no start with another number's."""
    return [1000 + number, *(100 + place % 900 for place in range(PROMPT - 1))]


def ask(engine: Engine, numbers: range) -> tuple[list[list[int]], float, float]:
    """Texts, seconds to the last one's first token, and seconds from there to the end."""
    heard: queue.Queue[tuple[int, Event]] = queue.Queue()
    greedy = Sampling()
    work = [Generation(prompt(n), None, NEW, sampling=greedy) for n in numbers]
    jobs = [Job(one, lambda event, n=n: heard.put((n, event))) for n, one in enumerate(work)]
    texts: list[list[int]] = [[] for _ in jobs]
    began = first = time.perf_counter()
    engine.submit(*jobs)
    open_jobs = len(jobs)
    while open_jobs:
        number, event = heard.get(timeout=600)
        if isinstance(event, TokenMade):
            texts[number].append(event.id)
            if len(texts[number]) == 1:
                first = time.perf_counter()
        elif isinstance(event, Finished):
            open_jobs -= 1
        else:
            raise RuntimeError(str(event))
    return texts, first - began, time.perf_counter() - first


def measured(base: Path, device: str, dtype: str) -> list[dict[str, object]]:
    """The figures of one device."""
    engine = Engine(Llama(base, device=device, dtype=dtype), TextCodec(base), Limits())
    engine.start()
    try:
        ask(engine, range(500, 501))  # kernels are made ready by the first pass
        alone = ask(engine, range(1))[0][0]
        rows: list[dict[str, object]] = []
        for many in AT_A_TIME:
            start = 100 * many
            texts, first, rest = ask(engine, range(start, start + many))
            made = sum(map(len, texts)) - many
            rows.append(
                {
                    "device": device,
                    "dtype": dtype,
                    "at_a_time": many,
                    "first_token_seconds": round(first, 3),
                    "tokens_a_second": round(made / rest, 1),
                }
            )
        rows[-1]["same_alone_and_in_company"] = ask(engine, range(8))[0][0] == alone
        return rows
    finally:
        engine.stop()


def main() -> None:
    """Print one JSON line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--devices", nargs="*", default=["cuda", "cpu"])
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    for device in asked.devices:
        for dtype in ("bfloat16", "float32"):
            for row in measured(asked.base, device, dtype):
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
