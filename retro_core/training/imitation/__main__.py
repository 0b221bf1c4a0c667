"""Makes the embedded actor: `python -m retro_core.training.imitation --base DIR --out DIR`."""

import argparse
from pathlib import Path

from retro_core.training.imitation.tune import TuneConfig, tune


def main() -> None:
    """Read the command line and tune."""
    parser = argparse.ArgumentParser(prog="retro_core.training.imitation", description=__doc__)
    parser.add_argument("--base", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--out", type=Path, required=True, help="folder for the adapter")
    parser.add_argument("--games", type=int, default=TuneConfig().games)
    parser.add_argument("--seed", type=int, default=TuneConfig().seed)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    tune(
        asked.base,
        asked.out,
        TuneConfig(games=asked.games, seed=asked.seed),
        threads=asked.threads,
    )


if __name__ == "__main__":
    main()
