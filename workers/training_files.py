"""The folder of a training run: what the trainer is given, and what it told since the last look."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from retro_core.serving.base_model import MODEL_NAME, ensure_base_model
from retro_core.training.launch import HEARTBEAT, prepare_resume
from retro_core.training.outcome import read_outcome, write_json_atomically
from retro_core.training.spec import BaseModelSpec, TrainingSpec, check_spec
from webapp.adapters.models import Adapter
from webapp.adapters.services.registry import adapter_folder
from webapp.training.models import Snapshot, TrainingRun
from webapp.training.services.base import chosen_base
from webapp.training.services.snapshots import stored_lines

LOG_TAIL_BYTES = 6_000
LAST_WORDS_BYTES = 500
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where one training run keeps its files."""

    path: Path

    @property
    def spec(self) -> Path:
        return self.path / "request.json"

    @property
    def snapshot(self) -> Path:
        return self.path / "snapshot.jsonl"

    @property
    def out(self) -> Path:
        return self.path / "out"

    @property
    def retries(self) -> Path:
        """Where the service that plays retries writes its address."""
        return self.path / "retries.address"

    @property
    def process_log(self) -> Path:
        return self.path / "process.log"


def folder_of(run_id: int) -> RunFolder:
    """The folder of a training run."""
    return RunFolder(settings.PLACES.training / f"run-{run_id}")


def prepare(run: TrainingRun) -> TrainingSpec:
    """Write snapshot and specification, and clear what an earlier end left. Raises InvalidInput."""
    folder = folder_of(run.pk)
    folder.out.mkdir(parents=True, exist_ok=True)
    _write_snapshot(folder.snapshot, run.snapshot)
    spec = _with_paths(run, folder)
    check_spec(spec)
    write_json_atomically(folder.spec, spec.to_json())
    outcome = read_outcome(folder.out)
    if outcome is None or outcome.status != "done":
        prepare_resume(folder.out)
    return spec


def _write_snapshot(path: Path, snapshot: Snapshot) -> None:
    if path.exists():
        return
    scratch = path.with_suffix(".partial")
    with scratch.open("wb") as stream:
        stream.writelines(stored_lines(snapshot))
    scratch.rename(path)


def _with_paths(run: TrainingRun, folder: RunFolder) -> TrainingSpec:
    spec = TrainingSpec.from_json(run.spec)
    dataset = replace(spec.dataset, path=str(folder.snapshot), sha256=run.snapshot.sha256)
    reward = replace(
        spec.reward, folder=_folder(run.reward_model), address_file=str(folder.retries)
    )
    return replace(
        spec,
        dataset=dataset,
        reward=reward,
        base_model=base_model(),
        parent_adapter=_folder(run.parent),
    )


def base_model() -> BaseModelSpec:
    """The base model of the settings, else the embedded one, converted where it is missing.

    Raises InvalidInput.
    """
    chosen = chosen_base()
    if chosen is None:
        return BaseModelSpec(folder=str(ensure_base_model(settings.PLACES.models)), name=MODEL_NAME)
    return BaseModelSpec(folder=str(chosen), name=chosen.name)


def _folder(adapter: Adapter | None) -> str:
    return str(adapter_folder(adapter)) if adapter else ""


class Tail:
    """Follows a file of JSON lines; only whole lines are read, and each once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._line = 0

    def new(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Number and content of the lines that were not there before."""
        if not self.path.is_file():
            return
        with self.path.open("rb") as stream:
            stream.seek(self._offset)
            whole = stream.read().rpartition(b"\n")[0]
        if not whole:
            return
        self._offset += len(whole) + 1
        for line in whole.split(b"\n"):
            self._line += 1
            values = _read(line)
            if values is not None:
                yield self._line, values


def _read(line: bytes) -> dict[str, Any] | None:
    """A line that a kill cut in half means nothing."""
    try:
        values = json.loads(line)
    except ValueError:
        log.warning("Unreadable line of a trainer: %r", line[:80])
        return None
    return values if isinstance(values, dict) else None


def log_tail(out: Path) -> str:
    """The end of the trainer's log, in whole lines."""
    path = out / "trainer.log"
    if not path.is_file():
        return ""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - LOG_TAIL_BYTES))
        text = stream.read().decode(errors="replace").replace("\0", "")
    return text if size <= LOG_TAIL_BYTES else text.partition("\n")[2]


def last_words(folder: RunFolder) -> str:
    """The last line that the trainer's process wrote: what no result file tells."""
    if not folder.process_log.is_file():
        return ""
    with folder.process_log.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, 2) - LAST_WORDS_BYTES))
        lines = stream.read().decode(errors="replace").replace("\0", "").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def heartbeat(out: Path) -> tuple[datetime | None, int]:
    """When the trainer was last alive, and the step it was at."""
    path = out / HEARTBEAT
    try:
        when = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        text = path.read_text()
    except FileNotFoundError:
        return None, 0
    return when, int(text) if text.isdigit() else 0
