"""Makes the embedded actor: `python -m retro_core.training.imitation --base DIR --out DIR`."""

import argparse
from pathlib import Path

from retro_core.training.imitation.tune import PARTS, TuneConfig, tune


def main() -> None:
    """Read the command line and tune."""
    parser = argparse.ArgumentParser(prog="retro_core.training.imitation", description=__doc__)
    parser.add_argument("--base", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--out", type=Path, required=True, help="folder for the adapter")
    numbers = range(1, len(PARTS) + 1)
    parser.add_argument("--part", type=int, choices=numbers, help="only this part, not the recipe")
    parser.add_argument("--start", type=Path, help="folder of an adapter to continue from")
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    parts = (PARTS[asked.part - 1],) if asked.part else PARTS
    tune(asked.base, asked.out, TuneConfig(parts), start=asked.start, threads=asked.threads)


if __name__ == "__main__":
    main()
