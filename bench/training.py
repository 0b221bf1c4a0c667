"""Measures the cpu-small preset on the embedded model: seconds, memory and rewards of each stage.

`python -m bench.training --base FOLDER [--stages sft ppo] [--steps 3] [--tokens 128]`
Seconds of a step are of the clock and of the CPU, and mean little on a busy machine. The peak of
memory is that of the process, beside what a dry run would have said: name one stage at a time to
have its own. PPO and GRPO are rewarded by a function, or by `--reward-model ADAPTER-FOLDER`.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from retro_core.training.dry_run import dry_run
from retro_core.training.monitor import Monitor
from retro_core.training.peaks import peak_memory
from retro_core.training.presets import PRESETS
from retro_core.training.rewards import RewardRequest
from retro_core.training.run import claimed, run_training
from retro_core.training.snapshot import Snapshot, write_snapshot
from retro_core.training.spec import RewardSpec, TrainingSpec
from retro_core.types import RatedReflection

PLACES = ("drawer 1", "shelf 2", "desk 1", "bed 1", "safe 1", "sidetable 2", "cabinet 3")
THINGS = ("mug", "lamp", "book", "key", "plate", "apple", "pencil")


class StepMonitor(Monitor):
    """A monitor that also takes the time of every step."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.marks = [(time.perf_counter(), time.process_time())]

    def log(self, step: int, split: str, values: Any) -> None:
        """Record as usual, and take the time of training steps."""
        super().log(step, split, values)
        if split == "train":
            self.marks.append((time.perf_counter(), time.process_time()))


def failures(count: int, *, visits: int = 30) -> list[RatedReflection]:
    """Failures as long as the preset's limit, half of them with a good plan."""
    rows = []
    for number in range(count):
        thing, place = THINGS[number % 7], PLACES[number % 5]
        walk = [PLACES[(number + n) % 7] for n in range(visits)]
        visited = "".join(f"> go to {spot}\nNothing here.\n" for spot in walk)
        plan = f"Plan:\n1. go to {place}\n2. take {thing} from {place}\n3. use desklamp 1"
        text = plan if number % 2 == 0 else "I should try harder and look at more places next time."
        prompt = f"{visited}The task was: examine the {thing}. It failed. What should be done?"
        rows.append(RatedReflection(f"t{number}", "bench", 1, prompt, text, 1.0 - number % 2))
    return rows


def numbered(requests: Sequence[RewardRequest]) -> list[float]:
    """Share of five numbered lines: easy to see, and rare in the base model's texts."""
    lines = [request.text.splitlines() for request in requests]
    return [min(sum(line[:1].isdigit() for line in text), 5) / 5 for text in lines]


def measure_stage(spec: TrainingSpec, out: Path) -> dict[str, Any]:
    """Run a stage and tell its median step and its rewards."""
    monitor = StepMonitor(out)
    reward = numbered if spec.reward.kind == "function" else None
    with claimed(out, spec):
        outcome = run_training(spec, out, monitor, reward=reward)
    steps = list(zip(monitor.marks[1:], monitor.marks[2:], strict=False))
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    told = [line["values"] for line in lines if line.get("split") == "train"]
    shown = ("loss", "reward", "kl", "entropy", "length", "clip_fraction")
    return {
        "status": outcome.status,
        "seconds": round(median(b[0] - a[0] for a, b in steps), 2),
        "cpu_seconds": round(median(b[1] - a[1] for a, b in steps), 2),
        "peak_gb": round(peak_memory()["peak_memory_gb"], 2),
        "estimate_gb": round(dry_run(spec).memory_bytes / 1e9, 2),
        **{name: [round(v[name], 3) for v in told] for name in shown if name in told[0]},
    }


def main() -> None:
    """Print one JSON line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--stages", nargs="*", default=["sft", "reward_model", "ppo", "grpo"])
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument(
        "--tokens", type=int, default=0, help="shorter prompts; what the project adds weighs more"
    )
    parser.add_argument("--reward-model", type=Path, help="an adapter that scores reflections")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        world = Path(name)
        rows = failures(40)
        write_snapshot(world / "snapshot.jsonl", Snapshot(tuple(rows[:32]), tuple(rows[32:])))
        for stage in arguments.stages:
            spec = _filled(PRESETS["cpu-small"][stage], world, arguments)
            print(json.dumps({stage: measure_stage(spec, world / stage)}), flush=True)
            if stage != "reward_model":
                samples = (world / stage / "samples.jsonl").read_text().splitlines()[-2:]
                print("\n".join(samples), flush=True)


def _filled(spec: TrainingSpec, world: Path, asked: argparse.Namespace) -> TrainingSpec:
    prompt = asked.tokens or spec.tokens.prompt
    return replace(
        spec,
        device="cpu",
        tokens=replace(spec.tokens, prompt=prompt),
        reward=_reward(asked.reward_model),
        dataset=replace(spec.dataset, path=str(world / "snapshot.jsonl")),
        base_model=replace(spec.base_model, folder=str(asked.base), name="bench"),
        optimisation=replace(spec.optimisation, max_steps=asked.steps, warmup_steps=0),
        evaluation=replace(spec.evaluation, every=0, samples=2),
    )


def _reward(scorer: Path | None) -> RewardSpec:
    if scorer is None:
        return RewardSpec(kind="function", function="bench.training:numbered")
    return RewardSpec(folder=str(scorer))


if __name__ == "__main__":
    main()
