"""The trainer process: `python -m retro_core.training SPEC.json --out FOLDER`."""

import argparse
import contextlib
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from retro_core.errors import RetroError
from retro_core.training.failures import FolderTaken, TrainingFailed, explain
from retro_core.training.launch import TAKEN
from retro_core.training.monitor import Monitor
from retro_core.training.outcome import NO_SPACE_LEFT, failed, read_outcome, write_outcome
from retro_core.training.spec import TrainingSpec, read_spec

EXIT_CODES = {"done": 0, "failed": 1, "stopped": 3}
FOLDER_TAKEN = 4


def main() -> int:
    """Train as the specification says; the result file tells more than the exit code."""
    parser = argparse.ArgumentParser(prog="python -m retro_core.training", description=__doc__)
    parser.add_argument("spec", type=Path, help="the training specification, a JSON file")
    parser.add_argument("--out", type=Path, required=True, help="the run's folder")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    try:
        return _run(read_spec(arguments.spec), out)
    except FolderTaken as error:
        # The result in this folder is another trainer's to write. Where several processes train,
        # their launcher has an exit code of its own.
        (out / TAKEN).touch()
        logging.getLogger(__name__).error("%s", error)
        return FOLDER_TAKEN
    except (RetroError, OSError, MemoryError) as error:
        logging.getLogger(__name__).error("%s", error)
        return _refused(out, explain(error))


def _refused(out: Path, error: TrainingFailed) -> int:
    """Tell why nothing was trained; an earlier result of this folder stays."""
    if read_outcome(out) is not None:
        return EXIT_CODES["failed"]
    try:
        write_outcome(out, failed(error))
    except OSError:
        # Not even the result fits: the exit code must do.
        return NO_SPACE_LEFT if error.code == "disk_full" else EXIT_CODES["failed"]
    return EXIT_CODES["failed"]


def _run(spec: TrainingSpec, out: Path) -> int:
    # The model libraries take seconds to load: a wrong specification is told at once.
    from huggingface_hub import constants

    from retro_core.training.distributed import rank, start_processes
    from retro_core.training.models import device_of
    from retro_core.training.run import claimed, run_training

    constants.HF_HUB_DISABLE_TELEMETRY = True
    start_processes(use_cpu=device_of(spec).type == "cpu")
    monitor = Monitor(out, writes=rank() == 0)
    with _stop_on_signal(monitor), claimed(out, spec) if monitor.writes else _unclaimed():
        outcome = run_training(spec, out, monitor)
    return EXIT_CODES[outcome.status]


def _unclaimed() -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


@contextlib.contextmanager
def _stop_on_signal(monitor: Monitor) -> Iterator[None]:
    earlier = signal.signal(signal.SIGTERM, lambda *_: monitor.request_stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)


if __name__ == "__main__":
    sys.exit(main())
