"""Watches one trainer process: keeps the lease, writes rows, stops it when asked."""

import logging
import os
import signal
import subprocess
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from django.db import InterfaceError, OperationalError, connection

from retro_core.training.launch import request_stop
from retro_core.training.outcome import Outcome
from webapp.training.models import TrainingRun
from workers.database import insist
from workers.training_files import heartbeat, log_tail
from workers.training_rows import Recorder

TICK_SECONDS = 1.0
STOP_GRACE_SECONDS = 600.0  # one PPO step of the paper's size takes long on a CPU
KILL_GRACE_SECONDS = 20.0
log = logging.getLogger(__name__)
Status = TrainingRun.Status


class Watch:
    """`lost` says that another worker holds the run; `leaving` that this one must end."""

    def __init__(
        self, run: TrainingRun, holder: str, trainer: "subprocess.Popen[bytes]", out: Path
    ) -> None:
        self.run_id, self.holder, self.trainer, self.out = run.pk, holder, trainer, out
        self.lost = self.leaving = False
        self._recorder = Recorder(run.pk, out)
        self._reached = run.step  # before this trainer
        self._looked = False
        self._stop_since: float | None = None
        self._signals_sent = 0

    def leave(self) -> None:
        """The worker must end: let the trainer save a checkpoint. Safe in a signal handler."""
        self.leaving = True

    def until_end(self) -> int:
        """Return the trainer's exit code once it has ended and all it told is written down."""
        while self.trainer.poll() is None and not self.lost:
            try:
                self.look()
            except (OperationalError, InterfaceError) as error:
                log.warning("Lease of training run %s not renewed: %s", self.run_id, error)
            finally:
                connection.close()
            with suppress(subprocess.TimeoutExpired):
                self.trainer.wait(TICK_SECONDS)
        if self.lost:
            self._signal(signal.SIGKILL)
        code = self.trainer.wait()
        if not self.lost:
            insist(self._write)
            insist(self._recorder.draw)
        return code

    def look(self) -> None:
        """Once a second: write what is new, renew the lease, hear a stop."""
        self._write()
        status = TrainingRun.objects.filter(pk=self.run_id).values_list("status", flat=True)
        if self.leaving or status.first() == Status.STOPPING:
            self._press()

    def killed_while_stopping(self) -> Outcome | None:
        """What to say of a trainer that did not end in time."""
        if self._signals_sent < 2:
            return None
        return Outcome(
            status="stopped",
            reason="It did not end in time and was killed; its newest checkpoint is kept.",
        )

    def _write(self) -> None:
        """New rows first: who sees the run ended sees all of it."""
        step = self._recorder.record()
        if not self._looked:
            # The files also tell steps that an earlier worker did not live to write down.
            self._looked, self._reached = True, max(self._reached, step)
        when, _ = heartbeat(self.out)
        self._renew(when, step)

    def _renew(self, when: datetime | None, step: int) -> None:
        """Keep the run; one that got further than ever begins its count of interruptions anew."""
        told = {"step": step} if step else {}
        if step > self._reached:
            told["unfinished_claims"] = 0
        self.lost = not TrainingRun.objects.renew(
            self.run_id,
            self.holder,
            heartbeat_at=when,
            log_tail=log_tail(self.out),
            **told,
        )
        if when is not None and not self.lost:
            held = TrainingRun.objects.held_by(self.run_id, self.holder)
            held.filter(status=Status.STARTING).update(status=Status.RUNNING)

    def _press(self) -> None:
        """A stop file, after the grace SIGTERM to the group, then SIGKILL."""
        if self._stop_since is None:
            self._stop_since = time.monotonic()
            request_stop(self.out)
            self._forgive()
        waited = time.monotonic() - self._stop_since
        if self._signals_sent == 0 and waited > STOP_GRACE_SECONDS:
            self._signal(signal.SIGTERM)
        elif self._signals_sent == 1 and waited > STOP_GRACE_SECONDS + KILL_GRACE_SECONDS:
            self._signal(signal.SIGKILL)

    def _forgive(self) -> None:
        """Being asked to leave is no crash over the run, not even where it ends in a kill."""
        if self.leaving:
            held = TrainingRun.objects.held_by(self.run_id, self.holder)
            held.update(unfinished_claims=0)

    def _signal(self, number: signal.Signals) -> None:
        self._signals_sent += 1
        with suppress(ProcessLookupError):
            os.killpg(self.trainer.pid, number)
