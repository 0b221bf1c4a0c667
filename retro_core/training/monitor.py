"""What a running trainer tells and hears: metrics, samples, heartbeat, log, stop request."""

import json
import logging
import math
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from retro_core.training.failures import TrainingFailed
from retro_core.training.launch import HEARTBEAT, HEARTBEAT_SECONDS, STOP

METRICS = "metrics.jsonl"
SAMPLES = "samples.jsonl"
LOG = "trainer.log"


class Monitor:
    """Writes the files that the application follows. Only the main process writes."""

    def __init__(self, folder: Path, *, writes: bool = True) -> None:
        self.folder = folder
        self.writes = writes
        self.step = 0
        self._stop = threading.Event()
        self._started = time.monotonic()

    def log(self, step: int, split: str, values: Mapping[str, float]) -> None:
        """Record the figures of one step."""
        self.step = step
        seconds = round(time.monotonic() - self._started, 3)
        line = {"step": step, "split": split, "seconds": seconds, "values": dict(values)}
        self._append(METRICS, [line])
        told = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        logging.getLogger(__name__).info("step %d, %s: %s", step, split, told)

    def resumed(self, step: int) -> None:
        """Mark that the run goes on from a checkpoint; later steps may be told again."""
        self.step = step
        self._append(METRICS, [{"step": step, "resumed": True}])

    def samples(self, step: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Keep texts that the policy wrote; earlier ones are never replaced."""
        self._append(SAMPLES, [{"step": step, **row} for row in rows])

    def request_stop(self) -> None:
        """End after the current step, with a checkpoint. Safe in a signal handler."""
        self._stop.set()

    def stop_requested(self) -> bool:
        """Whether a signal or the stop file asks this process to end."""
        return self._stop.is_set() or (self.folder / STOP).exists()

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Beat, and log to the folder, until the block ends."""
        ended = threading.Event()
        beat = threading.Thread(target=self._beat, args=(ended,), daemon=True)
        handler = _log_handler(self.folder) if self.writes else logging.NullHandler()
        logging.getLogger().addHandler(handler)
        if self.writes:
            beat.start()
        try:
            yield
        finally:
            ended.set()
            logging.getLogger().removeHandler(handler)
            handler.close()
            if self.writes:
                beat.join()

    def _beat(self, ended: threading.Event) -> None:
        while True:
            # A full disk must not end the beat: the step that meets it will tell.
            try:
                (self.folder / HEARTBEAT).write_text(str(self.step))
            except OSError:
                logging.getLogger(__name__).warning("The heartbeat cannot be written.")
            if ended.wait(HEARTBEAT_SECONDS):
                return

    def _append(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        if not self.writes:
            return
        with (self.folder / name).open("a+b") as stream:
            _end_broken_line(stream)
            for row in rows:
                stream.write(json.dumps(_finite(row)).encode() + b"\n")


def check_finite(step: int, **losses: float) -> None:
    """Raise where a loss is not a number: later weights would be worthless."""
    for name, value in losses.items():
        if not math.isfinite(value):
            raise TrainingFailed(
                "nan_loss",
                f"{name} became {value} at step {step}. Lower optimisation.learning_rate, train in"
                " float32 or bfloat16, and look for extreme ratings in the snapshot.",
            )


def _log_handler(folder: Path) -> logging.Handler:
    handler = logging.FileHandler(folder / LOG, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger().setLevel(logging.INFO)
    return handler


def _end_broken_line(stream: IO[bytes]) -> None:
    """A killed process may have left half a line: it must not swallow the next one."""
    if stream.seek(0, 2) == 0 or not stream.seekable():
        return
    stream.seek(-1, 2)
    if stream.read(1) != b"\n":
        stream.write(b"\n")


def _finite(row: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: leave such values out."""
    values = row.get("values")
    if values is None:
        return dict(row)
    return {**row, "values": {name: v for name, v in values.items() if math.isfinite(v)}}
