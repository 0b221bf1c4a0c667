"""One child process: how to start it, know that it answers, and stop it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from retro_core.errors import CannotStart

SHIM = Path(__file__).with_name("child.py")
LOG_LIMIT_BYTES = 5_000_000
TAIL_BYTES = 1_500


@dataclass(frozen=True, slots=True)
class Service:
    """What one child needs. `ready` takes the child's process id; without it, to run is enough.

    Children of a higher floor use those below, and are stopped before them. `stop_takes` says why a
    stop may take all of its `stop_limit_s`.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str]
    folder: Path | None = None
    floor: int = 0
    account: str = "same"
    ready: Callable[[int], bool] | None = None
    ready_limit_s: float = 60.0
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGTERM
    stop_limit_s: float = 10.0
    stop_takes: str = ""
    before_start: Callable[[], None] = field(default=lambda: None)


def start(service: Service) -> "subprocess.Popen[bytes]":
    """Start the child in its own session, so that Ctrl-C reaches only the supervisor.

    Call it from the main thread: the kernel's "parent" is the thread that started the child.
    """
    service.before_start()
    turn_log(service.log)
    shim = [sys.executable, "-I", "-S", str(SHIM), str(os.getpid())]
    words = [*shim, str(int(service.orphan_signal)), service.account, "--", *service.command]
    with service.log.open("ab") as log:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(service.environment),
            cwd=service.folder,
            start_new_session=True,
        )


def wait_until_ready(service: Service, process: "subprocess.Popen[bytes]") -> None:
    """Return when the child answers; say why not, with the end of its log."""
    limit = time.monotonic() + service.ready_limit_s
    while not (service.ready and service.ready(process.pid)):
        if process.poll() is not None:
            raise CannotStart(f"{service.name} ended at its start.\n{explain(service)}")
        if service.ready is None:
            return
        if time.monotonic() > limit:
            raise CannotStart(
                f"{service.name} did not answer within {service.ready_limit_s:.0f} s.\n"
                f"{explain(service)}"
            )
        time.sleep(0.02)


def ask_to_stop(service: Service, process: "subprocess.Popen[bytes]") -> None:
    """Send the child its stop signal."""
    if process.poll() is None:
        process.send_signal(service.stop_signal)


def finish(service: Service, process: "subprocess.Popen[bytes]") -> bool:
    """Wait for a child that was asked to stop, then kill what is left of its session.

    True if it ended by itself.
    """
    try:
        process.wait(service.stop_limit_s)
        return True
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    finally:
        kill_session(process.pid)


def kill_session(session: int) -> None:
    """Kill the processes that a child left in the session that it was the leader of."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # Bytes: the kernel cuts a program's name in the middle of a letter.
            fields = stat.read_bytes().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if int(fields[3]) == session:
            with suppress(ProcessLookupError):
                os.kill(int(stat.parent.name), signal.SIGKILL)


def explain(service: Service) -> str:
    """The end of the log, and where the rest is."""
    with service.log.open("rb") as log:
        log.seek(max(0, service.log.stat().st_size - TAIL_BYTES))
        tail = log.read().decode(errors="replace").strip()
    return f"{tail}\n(all of it: {service.log})"


def turn_log(path: Path) -> None:
    """Keep one older log once the present one is large."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_suffix(".1.log"))
