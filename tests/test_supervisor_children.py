"""Children of the supervisor: how they end, are ended, and are started again."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from retro_core.errors import CannotStart
from retro_core.supervisor import service, supervise
from retro_core.supervisor.service import Service
from retro_core.supervisor.supervise import Supervisor
from tests.studio_process import wait_for


def test_a_child_that_ends_at_its_start_is_explained_by_its_log(tmp_path: Path) -> None:
    child = Service(
        name="Sad child",
        command=("/bin/sh", "-c", "echo out of oats; exit 3"),
        log=tmp_path / "sad.log",
        environment={},
        ready=lambda pid: False,
    )
    process = service.start(child)

    with pytest.raises(CannotStart, match=r"Sad child ended at its start\.\nout of oats"):
        service.wait_until_ready(child, process)


def test_a_child_that_ignores_its_stop_signal_is_killed_with_all_that_it_started(
    tmp_path: Path,
) -> None:
    child = Service(
        name="Deaf child",
        command=("/bin/sh", "-c", "trap '' TERM; sleep 77.5 & echo $! > grandchild; wait; wait"),
        log=tmp_path / "deaf.log",
        environment={"PATH": os.defpath},
        folder=tmp_path,
        stop_limit_s=0.2,
    )
    process = service.start(child)
    wait_for((tmp_path / "grandchild").exists, limit_s=10)

    service.ask_to_stop(child, process)
    ended_by_itself = service.finish(child, process)

    grandchild = (tmp_path / "grandchild").read_text().strip()
    assert not ended_by_itself
    wait_for(lambda: not is_alive(int(grandchild)), limit_s=5)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that only waits for its parent's look does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_program_whose_name_the_kernel_cuts_in_a_letter_is_no_obstacle(tmp_path: Path) -> None:
    program = tmp_path / "обучение"  # 16 bytes; the kernel keeps 15
    program.write_text("#!/bin/sh\nsleep 66.5\n")
    program.chmod(0o755)
    process = subprocess.Popen([program], start_new_session=True)
    wait_for(lambda: b"\xd0" in Path(f"/proc/{process.pid}/stat").read_bytes(), limit_s=5)

    service.kill_session(process.pid)

    assert process.wait(5) == -signal.SIGKILL


def test_a_restart_that_fails_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = Service(
        name="Child", command=("/bin/sleep", "60"), log=tmp_path / "child.log", environment={}
    )
    said: list[str] = []
    supervisor = Supervisor(said.append, tmp_path / "up.json")
    kept = supervisor.start(child)
    kept.process.kill()
    kept.process.wait()
    with monkeypatch.context() as patched:
        patched.setattr(service, "start", Mock(side_effect=OSError("No space left on device")))
        supervisor._start_again(kept)

    assert kept.next_start is not None
    assert "No space left on device" in said[-1]
    supervisor._start_again(kept)
    assert (kept.restarts, kept.next_start) == (1, None)
    kept.process.kill()
    kept.process.wait()


@pytest.mark.parametrize(("takes", "said"), [("a checkpoint", 1), ("", 0)])
def test_a_long_stop_is_explained_where_there_is_something_to_wait_for(
    takes: str, said: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "SILENT_STOP_S", 0.05)
    child = Service(
        name="Saving child",
        command=("/bin/sh", "-c", "trap 'sleep 0.5; exit 0' TERM; echo > ready; sleep 60 & wait"),
        log=tmp_path / "saving.log",
        environment={"PATH": os.defpath},
        folder=tmp_path,
        stop_limit_s=20.0,
        stop_takes=takes,
    )
    told: list[str] = []
    supervisor = Supervisor(told.append, tmp_path / "up.json")
    kept = supervisor.start(child)
    wait_for((tmp_path / "ready").exists, limit_s=10)

    supervisor._stop_floor([kept])

    assert told == ["Saving child: a checkpoint; 20 s at most."][:said]
    assert kept.process.returncode == 0


def test_a_large_log_is_turned_and_one_older_one_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_bytes(b"x" * (service.LOG_LIMIT_BYTES + 1))

    service.turn_log(log)

    assert not log.exists()
    assert (tmp_path / "web.1.log").stat().st_size == service.LOG_LIMIT_BYTES + 1


def test_the_forks_of_a_worker_die_with_it_even_when_it_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, time\n"
        "from workers.lifeline import tie_forks_to_this_process\n"
        "tie_forks_to_this_process()\n"
        "if os.fork() == 0:\n"
        "    open('horse.new', 'w').write(str(os.getpid()))\n"
        "    os.rename('horse.new', 'horse')\n"
        "time.sleep(60)\n"
    )
    root = str(Path(__file__).resolve().parents[1])
    worker = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": root, "PATH": os.defpath}
    )
    wait_for((tmp_path / "horse").exists, limit_s=20)

    worker.send_signal(signal.SIGKILL)
    worker.wait()

    wait_for(lambda: not is_alive(int((tmp_path / "horse").read_text())), limit_s=5)
