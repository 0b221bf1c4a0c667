"""Runs the children: starts them, starts again what dies, and stops them from the top down."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from retro_core.errors import CannotStart
from retro_core.supervisor import service as services
from retro_core.supervisor.service import Service

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
CALM_S = 60.0
LOOK_EVERY_S = 0.2
SILENT_STOP_S = 2.0

Report = Callable[[str], None]


@dataclass(slots=True)
class Child:
    """A service and its present process."""

    service: Service
    process: "subprocess.Popen[bytes]"
    began: float
    restarts: int = 0
    pause_s: float = FIRST_PAUSE_S
    next_start: float | None = None

    def ready(self, report: Report) -> None:
        """Wait until it answers, and say how long that took."""
        services.wait_until_ready(self.service, self.process)
        took = time.monotonic() - self.began
        report(f"{self.service.name}: {'ready' if self.service.ready else 'started'}, {took:.1f} s")


class Supervisor:
    """The parent of all children. Use it from one thread that lives as long as they shall."""

    def __init__(self, report: Report, record: Path) -> None:
        """`record` is the file that tells others about the children."""
        self.report = report
        self.record = record
        self.children: list[Child] = []

    def start(self, service: Service) -> Child:
        """Start a child without waiting for it."""
        began = time.monotonic()
        child = Child(service, services.start(service), began)
        self.children.append(child)
        self._write_record()
        return child

    def watch(self) -> None:
        """Start again what dies, until a signal interrupts."""
        while True:
            for child in self.children:
                self._look_after(child)
            time.sleep(LOOK_EVERY_S)

    def stop(self) -> None:
        """Stop every child, those that use others first; further signals wait until then."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        for floor in sorted({child.service.floor for child in self.children}, reverse=True):
            self._stop_floor(child for child in self.children if child.service.floor == floor)
        self.record.unlink(missing_ok=True)

    def _stop_floor(self, children: Iterable[Child]) -> None:
        together = list(children)
        for child in together:
            services.ask_to_stop(child.service, child.process)
        for child in together:
            self._explain_a_long_stop(child)
            if not services.finish(child.service, child.process):
                self.report(f"{child.service.name} did not stop by itself and was killed.")

    def _explain_a_long_stop(self, child: Child) -> None:
        """Who pressed Ctrl-C looks at the terminal: it must not seem to hang."""
        if not child.service.stop_takes:
            return
        try:
            child.process.wait(SILENT_STOP_S)
        except subprocess.TimeoutExpired:
            limit = child.service.stop_limit_s
            self.report(f"{child.service.name}: {child.service.stop_takes}; {limit:.0f} s at most.")

    def _look_after(self, child: Child) -> None:
        if child.next_start is not None:
            if time.monotonic() >= child.next_start:
                self._start_again(child)
        elif child.process.poll() is not None:
            self._plan_restart(child)
        elif time.monotonic() - child.began > CALM_S:
            child.pause_s = FIRST_PAUSE_S

    def _plan_restart(self, child: Child) -> None:
        services.kill_session(child.process.pid)
        self.report(
            f"{child.service.name} ended ({_ending(child.process.returncode)}); starting it again"
            f" in {child.pause_s:.1f} s. Its log: {child.service.log}"
        )
        _wait_longer(child)

    def _start_again(self, child: Child) -> None:
        """Where that fails, a full disk say, it is tried again: the other children go on."""
        try:
            child.process = services.start(child.service)
        except (OSError, CannotStart) as error:
            self.report(
                f"{child.service.name} cannot be started: {error} Trying again in"
                f" {child.pause_s:.1f} s."
            )
            _wait_longer(child)
            return
        child.began, child.next_start = time.monotonic(), None
        child.restarts += 1
        with suppress(OSError):  # the record is for looking at
            self._write_record()

    def _write_record(self) -> None:
        rows = [
            {"name": c.service.name, "pid": c.process.pid, "restarts": c.restarts}
            for c in self.children
        ]
        fresh = self.record.with_suffix(".new")
        fresh.write_text(json.dumps({"pid": os.getpid(), "children": rows}))
        fresh.replace(self.record)


def _wait_longer(child: Child) -> None:
    """Plan the next start after its pause, and a longer pause for the time after that."""
    child.next_start = time.monotonic() + child.pause_s
    child.pause_s = min(child.pause_s * 2, LONGEST_PAUSE_S)


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
