"""Starts `manage.py up` as a person does, on a data folder of its own, and watches it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOBODY_THERE = "http://127.0.0.1:9"
UNSET = ["STUDIO_TEST_DATA_DIR", "DATABASE_URL", "REDIS_URL"]


def free_port() -> int:
    """A port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Studio:
    """A data folder with its port; the language model is elsewhere, and away."""

    def __init__(self, data: Path, *, prefix: tuple[str, ...] = (), **environment: str) -> None:
        self.data = data
        self.port = free_port()
        self.prefix = prefix
        kept = {n: v for n, v in os.environ.items() if n not in UNSET}  # noqa: TID251
        self.environment = {
            **kept,
            "DJANGO_SETTINGS_MODULE": "webapp.settings",
            "STUDIO_DATA_DIR": str(data),
            "PORT": str(self.port),
            "ACTOR_BASE_URL": f"{NOBODY_THERE}/v1",
            "ACTOR_MODEL": "household",
            "REFLECTOR_URL": NOBODY_THERE,
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.output = data.parent / "up.txt"

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a management command to its end."""
        return subprocess.run(
            [*self.prefix, sys.executable, str(ROOT / "manage.py"), *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def up(self) -> str:
        """Start it and return the one-time link."""
        self.output.parent.mkdir(parents=True, exist_ok=True)
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*self.prefix, sys.executable, str(ROOT / "manage.py"), "up"],
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_for(lambda: "Ready." in self.said() or self.process_ended(), limit_s=120)
        found = re.search(r"Open (\S+)", self.said())
        assert found, self.said()
        return found[1]

    def said(self) -> str:
        """What it printed so far."""
        return self.output.read_text()

    def process_ended(self) -> bool:
        """Whether the supervisor is gone."""
        return self.process is not None and self.process.poll() is not None

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal to the supervisor, and wait for it."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)

    def processes(self) -> list[str]:
        """The command lines of all processes that belong to this data folder."""
        mark = f"STUDIO_DATA_DIR={self.data}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes()
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                ours = mark in (folder / "environ").read_bytes().split(b"\0")
                below = str(self.data).encode() in words or self.is_backend(folder)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if (ours or below) and state != "Z":
                found.append(words.replace(b"\0", b" ").decode())
        return found

    def is_backend(self, folder: Path) -> bool:
        """A PostgreSQL worker names itself anew, but works inside the cluster's folder."""
        return Path(os.readlink(folder / "cwd")) == self.data / "postgres"


def wait_for(holds: Callable[[], bool], *, limit_s: float) -> None:
    """Return when it holds; fail when it does not within the limit."""
    limit = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < limit, "it took too long"
        time.sleep(0.05)
