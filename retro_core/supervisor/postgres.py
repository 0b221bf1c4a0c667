"""The embedded PostgreSQL on a unix socket: makes its cluster, clears what a crash left."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from retro_core.errors import CannotStart
from retro_core.supervisor import accounts
from retro_core.supervisor.accounts import Account
from retro_core.supervisor.places import Places
from retro_core.supervisor.preflight import check_space
from retro_core.supervisor.service import SHIM, Service

CLEAN_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin"}
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
OLD_SERVER_LIMIT_S = 30.0


def postgres_service(places: Places, bin_dir: Path, *, durable: bool = True) -> Service:
    """The server as a child. `durable=False` is for tests: quicker, and a crash loses rows."""
    account = accounts.postgres_account(places.postgres, bin_dir)
    settings = [
        "listen_addresses=",
        f"unix_socket_directories={places.sockets}",
        "unix_socket_permissions=0700",
        "max_connections=120",
        "shared_buffers=128MB",
        "dynamic_shared_memory_type=mmap" if not os.access("/dev/shm", os.W_OK) else "",
        *(FAST if not durable else ()),
    ]
    flags = [word for setting in settings if setting for word in ("-c", setting)]

    def prepare() -> None:
        places.make_sockets(account.owner)
        make_cluster(places.postgres, bin_dir, account)
        clear_leftovers(places)

    return Service(
        name="PostgreSQL",
        command=(str(bin_dir / "postgres"), "-D", str(places.postgres), *flags),
        log=places.logs / "postgres.log",
        environment=CLEAN_ENVIRONMENT,
        account=account.word,
        ready=lambda pid: is_ready(places.postgres, pid),
        stop_signal=signal.SIGINT,
        orphan_signal=signal.SIGINT,
        stop_limit_s=30.0,
        before_start=prepare,
    )


def make_cluster(folder: Path, bin_dir: Path, account: Account) -> None:
    """Make the cluster and its database beside the place, then move them there in one step."""
    if (folder / "PG_VERSION").exists():
        check_version(folder, bin_dir)
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    check_space(folder.parent)
    fresh = folder.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700, parents=True)
    accounts.hand_over(fresh, account)
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    names = ["--username=studio", "--auth=trust", "--encoding=UTF8", "--no-instructions"]
    run_as(account, [str(bin_dir / "initdb"), "-D", str(fresh), *names, *locale])
    single = [str(bin_dir / "postgres"), "--single", "-D", str(fresh), "postgres"]
    run_as(account, single, "CREATE DATABASE studio;\n")
    fresh.replace(folder)


def check_version(folder: Path, bin_dir: Path) -> None:
    """Refuse files of another major version before the server does, and say what to do."""
    theirs = (folder / "PG_VERSION").read_text().strip()
    answer = subprocess.run(
        [str(bin_dir / "postgres"), "--version"], capture_output=True, text=True, check=True
    )
    ours = answer.stdout.split()[2].split(".")[0]
    if theirs != ours:
        raise CannotStart(
            f"{folder} was made by PostgreSQL {theirs}, and this is {ours}. Point POSTGRES_BIN_DIR"
            f" at PostgreSQL {theirs} and export the data, or start anew with `make reset`."
        )


def run_as(account: Account, command: list[str], text: str = "") -> None:
    """Run a program of PostgreSQL under its account; a failure shows what it said."""
    shim = [sys.executable, "-I", "-S", str(SHIM), str(os.getpid()), "9", account.word, "--"]
    done = subprocess.run(
        [*shim, *command],
        input=text,
        capture_output=True,
        text=True,
        env=CLEAN_ENVIRONMENT,
        check=False,
    )
    if done.returncode != 0:
        raise CannotStart(
            f"{Path(command[0]).name} failed:\n{(done.stderr or done.stdout).strip()}"
        )


def clear_leftovers(places: Places) -> None:
    """After an unclean stop: wait for an old server to end, then drop its stale files."""
    limit = time.monotonic() + OLD_SERVER_LIMIT_S
    while (pid := server_pid(places.postgres)) and is_server(pid, places.postgres):
        if time.monotonic() > limit:
            raise CannotStart(f"Process {pid} still serves {places.postgres}; stop it first.")
        time.sleep(0.05)
    (places.postgres / "postmaster.pid").unlink(missing_ok=True)
    for leftover in places.sockets.glob(".s.PGSQL.*"):
        leftover.unlink()


def server_pid(folder: Path) -> int:
    """The process named in the cluster's pid file; 0 is none."""
    lines = _pid_file(folder)
    return int(lines[0]) if lines and lines[0].strip().isdigit() else 0


def is_server(pid: int, folder: Path) -> bool:
    """Whether that process really is a PostgreSQL of this folder: ids are used again."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return str(folder).encode() in words


def is_ready(folder: Path, pid: int) -> bool:
    """The server writes its state into the last line of its pid file."""
    lines = _pid_file(folder)
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _pid_file(folder: Path) -> list[str]:
    try:
        return (folder / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []
