"""Real PostgreSQL and Valkey for the tests that ask for them, one of each per pytest process."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from retro_core.supervisor import binaries, service
from retro_core.supervisor.postgres import postgres_service
from retro_core.supervisor.service import Service
from retro_core.supervisor.valkey import valkey_service


def pytest_configure(config: pytest.Config) -> None:
    """Remove what killed test runs left behind."""
    for folder in Path("/tmp").glob("retro-test-*"):
        pid = folder.name.split("-")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove this run's folders."""
    if settings.DATA_DIR.name.startswith(f"retro-test-{os.getpid()}-"):
        shutil.rmtree(settings.DATA_DIR, ignore_errors=True)
        shutil.rmtree(settings.PLACES.sockets, ignore_errors=True)


def running(child: Service) -> Iterator[None]:
    """Start a service, and stop it at the end."""
    process = service.start(child)
    try:
        service.wait_until_ready(child, process)
        yield
    finally:
        service.ask_to_stop(child, process)
        service.finish(child, process)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[None]:
    """A real PostgreSQL at the address of the settings."""
    bin_dir = binaries.postgres_bin_dir()
    yield from running(postgres_service(settings.PLACES, bin_dir, durable=False))


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[None]:
    """A real Valkey at the address of the settings; kept between tests, see `broker`."""
    yield from running(valkey_service(settings.PLACES, binaries.valkey_program(), durable=False))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None, postgres_server: None) -> None:
    """Start PostgreSQL before the test database is made: `db` and `transactional_db` need it."""


@pytest.fixture
def broker(valkey_server: None) -> Iterator[str]:
    """The address of an empty Valkey."""
    from redis import Redis

    with Redis.from_url(settings.REDIS_URL) as client:
        client.flushall()
        yield settings.REDIS_URL
