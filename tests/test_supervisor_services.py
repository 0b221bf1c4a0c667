"""The embedded PostgreSQL and Valkey, really started, and what stands in their way."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from redis import Redis

from retro_core.errors import CannotStart
from retro_core.supervisor import accounts, binaries, lock, postgres, preflight, service
from retro_core.supervisor.accounts import Account, postgres_account
from retro_core.supervisor.places import Places
from retro_core.supervisor.service import Service

BIN_DIR = binaries.postgres_bin_dir()


@pytest.fixture
def places() -> Iterator[Places]:
    """A data folder that any account may pass through, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="retro-places-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Places(Path(folder))


def start_and_stop(child: Service) -> None:
    process = service.start(child)
    service.wait_until_ready(child, process)
    service.ask_to_stop(child, process)
    assert service.finish(child, process)


@pytest.mark.django_db
def test_the_database_of_the_tests_is_a_real_postgres_18() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")

        assert cursor.fetchone()[0].startswith("18")


def test_the_broker_keeps_what_it_is_given(broker: str) -> None:
    with Redis.from_url(broker) as client:
        client.set("doors", "open")

        assert client.get("doors") == b"open"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to step down")
def test_root_without_user_namespaces_runs_postgres_as_nobody(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    can_run = accounts.can_run
    monkeypatch.setattr(
        accounts, "can_run", lambda word, *rest: word.startswith("drop:") and can_run(word, *rest)
    )

    child = postgres.postgres_service(places, BIN_DIR)
    start_and_stop(child)

    assert child.account.startswith("drop:")
    assert places.postgres.stat().st_uid == int(child.account.split(":")[1])
    places.sockets.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to step down")
def test_a_folder_that_nobody_may_enter_is_named(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    can_run = accounts.can_run
    monkeypatch.setattr(
        accounts, "can_run", lambda word, *rest: word.startswith("drop:") and can_run(word, *rest)
    )
    places.data.chmod(0o700)

    with pytest.raises(CannotStart, match=f"cannot enter {places.data}"):
        postgres_account(places.postgres, BIN_DIR)


def test_root_that_may_neither_use_namespaces_nor_step_down_is_told_what_to_do(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts.os, "geteuid", lambda: 0)
    monkeypatch.setattr(accounts, "can_run", lambda *words: False)

    with pytest.raises(CannotStart, match="ordinary user, or set DATABASE_URL"):
        postgres_account(places.postgres, BIN_DIR)


def test_an_ordinary_user_runs_postgres_directly(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts.os, "geteuid", lambda: 65534)

    assert postgres_account(places.postgres, BIN_DIR) == Account("same")


def test_what_a_crash_and_a_reused_process_id_left_does_not_hinder_a_start(places: Places) -> None:
    child = postgres.postgres_service(places, BIN_DIR, durable=False)
    start_and_stop(child)
    (places.postgres / "postmaster.pid").write_text(f"{os.getpid()}\n{places.postgres}\n")
    (places.sockets / ".s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n")
    (places.sockets / ".s.PGSQL.5432").touch()

    start_and_stop(child)

    places.sockets.rmdir()


def test_a_cluster_of_another_major_version_is_refused_with_both_versions(places: Places) -> None:
    places.postgres.mkdir()
    (places.postgres / "PG_VERSION").write_text("17\n")

    with pytest.raises(CannotStart, match="made by PostgreSQL 17, and this is 18"):
        postgres.check_version(places.postgres, BIN_DIR)


def test_a_failed_initdb_shows_its_own_words_and_leaves_no_half_cluster(places: Places) -> None:
    broken = places.data / "bin"
    broken.mkdir()
    (broken / "initdb").write_text("#!/bin/sh\necho 'No space left on device' >&2\nexit 1\n")
    (broken / "initdb").chmod(0o755)

    with pytest.raises(CannotStart, match="initdb failed:\nNo space left on device"):
        postgres.make_cluster(places.postgres, broken, Account("same"))

    assert not places.postgres.exists()


def test_too_little_space_is_told_in_megabytes(places: Places) -> None:
    with pytest.raises(CannotStart, match="MB free, and the studio needs 1000000000000 MB"):
        preflight.check_space(places.data, needed=10**18)


def test_a_port_below_1024_is_explained_to_an_ordinary_user() -> None:
    code = (
        "from retro_core.supervisor.preflight import check_port\n"
        "from retro_core.errors import CannotStart\n"
        "try: check_port('127.0.0.1', 80, variable='PORT')\n"
        "except CannotStart as error: print(error)\n"
    )
    shim = [sys.executable, "-I", "-S", str(service.SHIM), str(os.getpid()), "9"]
    account = "namespace:65534" if os.geteuid() == 0 else "same"
    if not accounts.can_run(account, "/bin/true"):
        pytest.skip("user namespaces are off")
    allowed = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if allowed <= 80:
        pytest.skip("this machine lets everyone use port 80")

    answer = subprocess.run(
        [*shim, account, "--", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[1],
        check=True,
    )

    assert "may not use port 80" in answer.stdout


def test_a_stranger_s_socket_folder_is_refused(places: Places) -> None:
    elsewhere = places.data / "elsewhere"
    elsewhere.mkdir()
    places.sockets.symlink_to(elsewhere)

    with pytest.raises(CannotStart, match="belongs to another account"):
        places.make_sockets()

    places.sockets.unlink()


def test_the_socket_path_stays_short_however_deep_the_data_folder_is() -> None:
    deep = Places(Path("/", *["deeper"] * 60))

    assert len(f"{deep.sockets}/.s.PGSQL.5432.lock") < 60


def test_told_programs_that_are_not_there_are_named() -> None:
    with pytest.raises(
        CannotStart, match="POSTGRES_BIN_DIR: there is no program /nowhere/postgres"
    ):
        binaries.postgres_bin_dir("/nowhere")
    with pytest.raises(CannotStart, match="VALKEY_BIN: there is no program /nowhere/valkey"):
        binaries.valkey_program("/nowhere/valkey")


def test_the_lock_makes_its_folder(tmp_path: Path) -> None:
    place = tmp_path / "fresh" / "up.lock"

    with lock.held(place, address="http://localhost:9000"):
        assert lock.holder_address(place) == "http://localhost:9000"


def test_a_busy_port_is_told_with_the_variable_to_set() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(CannotStart, match=rf"make up LM_PORT={port + 1}"):
            preflight.check_port("127.0.0.1", port, variable="LM_PORT")
