"""Times the household world: milliseconds per reset and step, admissible commands included."""

import statistics
import time

from retro_core.envs.alfworld import AlfworldEnv, generate
from retro_core.envs.alfworld.game import read_game
from retro_core.envs.alfworld.stock import StockAlfworldEnv
from retro_core.envs.base import Env
from retro_core.errors import InvalidInput
from retro_core.types import Task

STOCK_STEP_MS, STOCK_RESET_MS = 62.0, 670.0  # measured once: AlfWorld 0.4.2, TextWorld 1.7.0
LIMIT_STEP_MS, LIMIT_RESET_MS = 0.5, 5.0


def measure(env: Env, tasks: list[Task]) -> tuple[float, float]:
    """Median milliseconds of a reset, the problem read anew each time, and of a step."""
    resets, steps = [], []
    for task in tasks:
        read_game.cache_clear()
        started = time.perf_counter()
        env.reset(task)
        resets.append(time.perf_counter() - started)
        for action in [*task.payload["walkthrough"], "look", "inventory", "nonsense"]:
            started = time.perf_counter()
            env.step(action)
            steps.append(time.perf_counter() - started)
    return statistics.median(resets) * 1000, statistics.median(steps) * 1000


def main() -> None:
    """Print the figures, and their ratio to the stock engine's."""
    tasks = generate(count=60, split="train", seed=0)
    reset_ms, step_ms = measure(AlfworldEnv(), tasks)
    source, stock_reset_ms, stock_step_ms = "documented", STOCK_RESET_MS, STOCK_STEP_MS
    try:
        stock = StockAlfworldEnv()
    except InvalidInput:
        pass
    else:
        source = "measured now"
        stock_reset_ms, stock_step_ms = measure(stock, tasks[:6])
    for name, own, other, limit in (
        ("reset", reset_ms, stock_reset_ms, LIMIT_RESET_MS),
        ("step", step_ms, stock_step_ms, LIMIT_STEP_MS),
    ):
        ratio = f"{other / own:.0f} times the stock engine's speed ({other:.1f} ms, {source})"
        print(f"alfworld {name}: {own:.3f} ms median (limit {limit} ms), {ratio}")


if __name__ == "__main__":
    main()
