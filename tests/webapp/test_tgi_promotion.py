"""Promotion to a server that reads adapters at its start, through the real entrypoint script."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from retro_core.errors import InvalidInput
from tests.webapp.training_world import made_adapter, taken_snapshot
from webapp.adapters.services import serving
from webapp.adapters.services.promoting import promote

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(120)]
ROOT = Path(__file__).resolve().parents[2]
STAND_IN = Path(__file__).with_name("tgi_stand_in.py")


@pytest.fixture
def tgi(tmp_path: Path, settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The entrypoint with a launcher that stands in for the server; yields its log."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launcher = tmp_path / "bin" / "text-generation-launcher"
    launcher.parent.mkdir()
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}"\n')
    launcher.chmod(0o755)
    settings.REFLECTOR_URL = f"http://127.0.0.1:{port}"
    monkeypatch.setattr(serving, "POLL_SECONDS", 0.2)
    environment = {
        "PATH": f"{launcher.parent}:{os.defpath}",
        "ADAPTERS_DIR": str(settings.PLACES.adapters),
        "STAND_IN_PORT": str(port),
        "RESTART_POLL_SECONDS": "0.1",
    }
    log = tmp_path / "tgi.log"
    with log.open("w") as stream:
        script = str(ROOT / "docker" / "tgi-entrypoint.sh")
        process = subprocess.Popen([script], env=environment, stdout=stream, stderr=stream)
    wait_for_port(port)
    yield log
    process.terminate()
    assert process.wait(20) == 0


def wait_for_port(port: int) -> None:
    limit = time.monotonic() + 60
    while True:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < limit, "the stand-in does not answer"
        time.sleep(0.05)


def test_promotion_restarts_the_server_once_and_then_sees_the_change(
    tgi: Path, tmp_path: Path
) -> None:
    taken_snapshot()
    adapter = made_adapter(tmp_path / "a", "late")  # after the server's start: it does not know it

    change = promote(adapter, to="staging", reason="It plans.", person=None)
    promote(adapter, to="production", reason="Still.", person=None)

    assert change.probe["adapter"] == "late-v1 plans."
    assert change.probe["base"] == "I was wrong."
    told = tgi.read_text()
    assert told.count("Asked to restart.") == 1  # the second promotion needs none
    assert "late-v1=" in told


def test_a_server_that_nobody_restarts_promotes_nothing(
    tgi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_snapshot()
    adapter = made_adapter(tmp_path / "a", "never")
    monkeypatch.setattr(serving, "ask_for_restart", lambda: None)
    monkeypatch.setattr(serving, "RESTART_SECONDS", 0.5)

    with pytest.raises(InvalidInput, match="Promote again once it answers"):
        promote(adapter, to="staging", reason="Hope.", person=None)

    adapter.refresh_from_db()
    assert adapter.stage == "candidate"
