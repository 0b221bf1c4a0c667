"""A trainer that beats once and hears neither a stop file nor SIGTERM."""

import signal
import sys
import time
from pathlib import Path

from retro_core.training.launch import HEARTBEAT

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (Path(sys.argv[-1]) / HEARTBEAT).write_text("0")
    time.sleep(120)
