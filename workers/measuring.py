"""The job that reads many reflections with a model, in a child process; it can be killed."""

import hashlib
import json
import logging
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from retro_core.errors import CannotStart, InvalidInput
from retro_core.supervisor import service
from retro_core.supervisor.service import Service
from retro_core.training.launch import TRAINER_ENVIRONMENT
from webapp.adapters.models import Adapter
from webapp.adapters.services.registry import adapter_folder
from webapp.annotation.models import Measurement, Work
from webapp.annotation.services import measuring
from workers.database import insist
from workers.episodes import stopped_by_signal
from workers.holder import holder_name, refuse_if_deadly
from workers.training_files import Tail, base_model

MODULE = "retro_core.training.measure"
TICK_SECONDS = 1.0
LOG_SHOWN = 1500
log = logging.getLogger(__name__)
Status = Work.Status
Keep = Callable[[list[dict[str, Any]]], None]


class _Left(Exception):
    """The work goes on elsewhere: another worker holds it, or this one must end."""


@dataclass(slots=True)
class Held:
    """A measurement that this worker holds; `leaving` asks it to end soon."""

    row: Measurement
    holder: str
    leaving: bool = False

    def leave(self) -> None:
        """Safe in a signal handler."""
        self.leaving = True

    def renew(self, done: int, total: int) -> None:
        """Extend the lease and tell how far it is; raises _Left where another holds it."""
        if not Measurement.objects.renew(self.row.pk, self.holder, done=done, total=total):
            raise _Left


def measure(measurement_id: int) -> None:
    """Measure what is missing; nothing happens if another worker does."""
    holder = holder_name()
    row = insist(lambda: Measurement.objects.claim(measurement_id, holder))
    if row is None:
        return
    held = Held(row, holder)
    try:
        refuse_if_deadly(row)
        with stopped_by_signal(held.leave):
            result = _measured(held)
    except _Left:
        insist(lambda: Measurement.objects.end(row.pk, holder, status=Status.QUEUED))
        return
    except (InvalidInput, CannotStart, OSError) as error:
        reason = str(error)
        insist(lambda: Measurement.objects.end(row.pk, holder, status=Status.FAILED, reason=reason))
        return
    insist(lambda: Measurement.objects.end(row.pk, holder, status=Status.DONE, result=result))


def _measured(held: Held) -> dict[str, Any]:
    """Have the model read what is missing, then work out the figures."""
    row = held.row
    if row.kind == Measurement.Kind.EFFECT:
        assert row.snapshot is not None, "the database holds it"
        return _effect(held, row.snapshot)
    adapters = [adapter for adapter in (row.adapter, row.earlier) if adapter is not None]
    for adapter in adapters:
        _score(held, adapter)
    if row.kind == Measurement.Kind.SCORES:
        return {}
    assert row.snapshot is not None, "the database holds it"
    assert row.adapter is not None, "the database holds it"
    snapshot, newer = row.snapshot, row.adapter
    return insist(lambda: measuring.compared(snapshot, newer, row.earlier))


def _effect(held: Held, snapshot: Any) -> dict[str, Any]:
    folder = Path(base_model().folder)
    base = _digest(folder)
    texts = insist(lambda: measuring.texts_without_features(snapshot, base))
    _read(held, texts, [], lambda lines: measuring.keep_features(base, lines))
    return insist(lambda: measuring.effect(snapshot, base))


def _digest(folder: Path) -> str:
    """What tells one frozen model from another: features of one are none of another's."""
    whole = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as stream:
            whole.update(hashlib.file_digest(stream, "sha256").digest())
    return whole.hexdigest()


def _score(held: Held, adapter: Adapter) -> None:
    rows = insist(
        lambda: [
            {"key": str(row.pk), "prompt": row.prompt, "text": row.text}
            for row in measuring.reflections_without_score(adapter, held.row.snapshot)
        ]
    )
    words = ["--adapter", str(adapter_folder(adapter))]
    _read(held, rows, words, lambda lines: measuring.keep_scores(adapter.pk, lines))


def _read(held: Held, rows: Sequence[dict[str, Any]], words: list[str], keep: Keep) -> None:
    """Start the child on the rows and keep its lines as they come."""
    insist(lambda: held.renew(0, len(rows)))
    if not rows:
        return
    with tempfile.TemporaryDirectory(prefix="measure-", dir=_scratch()) as name:
        folder = Path(name)
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "input.jsonl").write_text(lines, encoding="utf-8")
        child = _child(folder, words)
        process = service.start(child)
        try:
            code = _follow(held, process, Tail(folder / "out.jsonl"), keep, len(rows))
        finally:
            service.kill_session(process.pid)
        if code != 0:
            tail = child.log.read_text(errors="replace")[-LOG_SHOWN:]
            raise InvalidInput(f"The model could not read the reflections.\n{tail}")


def _follow(
    held: Held, process: "subprocess.Popen[bytes]", tail: Tail, keep: Keep, total: int
) -> int:
    unkept: list[dict[str, Any]] = []
    done = 0
    while True:
        ended = process.poll()
        unkept += [line for _, line in tail.new()]
        try:
            keep(unkept)
            done, unkept = done + len(unkept), []
            held.renew(done, total)
        except (OperationalError, InterfaceError) as error:
            log.warning("Measurement %s must wait: %s", held.row.pk, error)
        finally:
            connection.close()
        if held.leaving:
            raise _Left
        if ended is not None and not unkept:
            return ended
        with suppress(subprocess.TimeoutExpired):
            process.wait(TICK_SECONDS)


def _scratch() -> Path:
    place: Path = settings.PLACES.training
    place.mkdir(parents=True, exist_ok=True)
    return place


def _child(folder: Path, words: list[str]) -> Service:
    command = [sys.executable, "-m", MODULE, str(folder / "input.jsonl"), *words]
    out = ["--base", base_model().folder, "--out", str(folder / "out.jsonl")]
    return Service(
        name="Measuring",
        command=(*command, *out),
        log=folder / "process.log",
        environment={**settings.CHILD_ENVIRONMENT, **TRAINER_ENVIRONMENT},
        folder=settings.BASE_DIR,
        orphan_signal=signal.SIGKILL,
    )
