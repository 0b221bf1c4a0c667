"""A launcher of several processes whose trainer found another one at work in the folder."""

import sys
from pathlib import Path

from retro_core.training.launch import TAKEN

if __name__ == "__main__":
    (Path(sys.argv[-1]) / TAKEN).touch()
    sys.exit(1)  # whatever the exit code of the trainer was
