"""`manage.py up` as a whole: real processes, killed and started in every unkind way."""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from retro_core.supervisor.places import Places
from tests.studio_process import ROOT, Studio, wait_for

pytestmark = pytest.mark.timeout(400)  # seconds on a quiet machine, minutes on a busy one
LONG_NAME = "a-checkout-far-below-the-root-of-the-disk"


@pytest.fixture(scope="module")
def used_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after its first start and a clean stop, far down a deep path."""
    data = tmp_path_factory.mktemp("used") / LONG_NAME / LONG_NAME / LONG_NAME / "data"
    studio = Studio(data)
    link = studio.up()
    try:
        assert len(str(data)) > 107
        assert sign_in(link) == 302
        assert sign_in(link) == 410
    finally:
        assert studio.end(signal.SIGINT) == 0
    assert studio.processes() == []
    assert not Places(data).sockets.exists()
    return data


@pytest.fixture
def studio(used_folder: Path, tmp_path: Path) -> Iterator[Studio]:
    """A copy of that folder, to start again."""
    shutil.copytree(used_folder, tmp_path / "data", symlinks=True)
    studio = Studio(tmp_path / "data")
    yield studio
    if studio.process is not None:
        studio.end(signal.SIGKILL)
        wait_for(lambda: studio.processes() == [], limit_s=20)
    for left in Path("/tmp").glob(f"retro-*-{Places(studio.data).sockets.name.split('-')[2]}"):
        shutil.rmtree(left)


def sign_in(link: str) -> int:
    """Follow the link as a new browser does, and return the status."""
    address, path = re.fullmatch(r"http://([^/]+)(/.+)", link).groups()
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("GET", path)
    return connection.getresponse().status


def rows(studio: Studio) -> int:
    with psycopg.connect(Places(studio.data).database_url()) as connection:
        return connection.execute("SELECT count(*) FROM kept").fetchone()[0]


def child_pid(studio: Studio, name: str) -> int:
    line = next(line for line in studio.run("status").stdout.splitlines() if name in line)
    return int(re.search(r"process (\d+)", line)[1])


def test_killing_the_supervisor_leaves_no_orphan_and_loses_no_committed_row(
    studio: Studio,
) -> None:
    studio.up()
    with psycopg.connect(Places(studio.data).database_url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000)")
        connection.commit()
        studio.end(signal.SIGKILL)
    wait_for(lambda: studio.processes() == [], limit_s=20)

    began = time.monotonic()
    studio.up()

    assert time.monotonic() - began < 45  # 5 on a quiet machine
    assert rows(studio) == 1000


def test_killing_everything_at_once_loses_no_committed_row(studio: Studio) -> None:
    studio.up()
    with psycopg.connect(Places(studio.data).database_url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000)")
    database = child_pid(studio, "PostgreSQL")
    studio.end(signal.SIGKILL)
    os.kill(database, signal.SIGKILL)

    studio.up()

    assert rows(studio) == 1000


def test_a_killed_child_is_started_again_and_a_second_start_is_refused(studio: Studio) -> None:
    studio.up()
    second = studio.run("up")
    before = {name: child_pid(studio, name) for name in ("PostgreSQL", "Valkey", "Web server")}

    for pid in before.values():
        os.kill(pid, signal.SIGKILL)

    assert second.returncode == 1
    assert f"already running at http://localhost:{studio.port}" in second.stderr
    wait_for(lambda: all(child_pid(studio, n) != p for n, p in before.items()), limit_s=30)
    wait_for(lambda: answers(studio), limit_s=30)
    assert "PostgreSQL ended (signal SIGKILL); starting it again" in studio.said()


def answers(studio: Studio) -> bool:
    """Whether the sign-in page, which needs the database for its session, is served."""
    try:
        connection = http.client.HTTPConnection("localhost", studio.port, timeout=5)
        connection.request("GET", "/enter/nothing/")
        return connection.getresponse().status == 410
    except OSError:
        return False


def test_down_stops_everything_and_status_says_so(studio: Studio) -> None:
    studio.up()
    running = studio.run("status")
    link = studio.run("sign_in_link")

    down = studio.run("down")

    assert running.returncode == 0
    assert "Worker episodes" in running.stdout
    assert link.stdout.startswith(f"http://localhost:{studio.port}/enter/")
    assert down.stdout == "Stopped.\n"
    assert studio.process is not None
    assert studio.process.wait(20) == 0
    assert studio.processes() == []
    assert studio.run("status").returncode == 3
    assert studio.run("down").stdout == "The studio is not running.\n"


def test_a_busy_port_is_named_with_the_way_out(studio: Studio) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", studio.port))
        other.listen()

        answer = studio.run("up")

    assert answer.returncode == 1
    assert (
        f"Port {studio.port} on 127.0.0.1 cannot be used (Address already in use)" in answer.stderr
    )
    assert f"make up PORT={studio.port + 1}" in answer.stderr


def test_an_ordinary_user_starts_it_too(studio: Studio) -> None:
    prefix = ("unshare", "--user", "--map-user=65534", "--map-group=65534")
    if os.geteuid() != 0 or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("needs root and user namespaces to play an ordinary user")
    studio.prefix = prefix

    assert sign_in(studio.up()) == 302
    assert studio.end(signal.SIGTERM) == 0
    assert studio.processes() == []


def test_reset_asks_and_deletes_only_after_yes(studio: Studio) -> None:
    unanswered = studio.run("reset")
    assert (studio.data / "postgres").exists()

    answered = studio.run("reset", "--yes")

    assert unanswered.returncode == 1
    assert answered.returncode == 0
    assert not (studio.data / "postgres").exists()
    assert (studio.data / "secret_key").exists()


def test_reset_deletes_the_files_of_rows_and_names_all_that_it_keeps(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "data")
    folders = ["exchange", "catalogues", "adapters", "models", "corpora", "imports", "bench"]
    for name in folders:
        (studio.data / name / "1").mkdir(parents=True)

    answered = studio.run("reset", "--yes")

    assert answered.returncode == 0, answered.stderr
    kept = {path.name for path in studio.data.iterdir() if path.is_dir()}
    assert kept == {"models", "corpora", "imports", "bench"}
    assert all(re.search(rf"\b{name}\b", answered.stdout) for name in kept)


def test_a_link_without_a_studio_names_the_way_to_one(tmp_path: Path) -> None:
    answer = Studio(tmp_path / "data").run("sign_in_link")

    assert answer.returncode == 1
    assert answer.stderr == "CommandError: The studio is not running: `make up` prints a link.\n"


@pytest.mark.parametrize("name", ["down", "status", "link"])
def test_what_looks_at_a_running_studio_installs_nothing_below_it(name: str) -> None:
    rules = (ROOT / "Makefile").read_text()

    assert re.findall(rf"^{name}: *(.*?) *##", rules, re.M) == ["present"]
    assert re.findall(r"^present:(.*)", rules, re.M) == [""]


def test_a_folder_that_cannot_be_written_is_named() -> None:
    answer = Studio(Path("/proc/nowhere/data")).run("status")

    assert answer.returncode == 1
    assert answer.stderr.startswith("Cannot start: The data folder /proc/nowhere/data cannot be")
    assert "STUDIO_DATA_DIR" in answer.stderr


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "eighty", "PORT='eighty' must be a whole number from 1 to 65535."),
        ("DATABASE_URL", "mysql://x", "DATABASE_URL='mysql://x' must begin with postgres://"),
        ("REDIS_URL", "http://x", "REDIS_URL='http://x' must begin with redis://"),
        ("DJANGO_DEBUG", "maybe", "DJANGO_DEBUG='maybe' must be yes or no."),
        ("LM_DEVICE", "gpu", "LM_DEVICE='gpu' must be cpu or cuda."),
        ("ACTOR_MODEL", "", "ACTOR_BASE_URL is set and ACTOR_MODEL is not: set it to the name"),
    ],
)
def test_a_bad_setting_is_refused_in_one_sentence(
    tmp_path: Path, name: str, value: str, words: str
) -> None:
    answer = Studio(tmp_path / "data", **{name: value}).run("status")

    assert answer.returncode == 1
    assert words in answer.stderr
    assert "Traceback" not in answer.stderr
