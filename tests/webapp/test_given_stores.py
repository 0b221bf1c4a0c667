"""A given database or broker that does not answer is told in one sentence, without its password."""

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from retro_core.errors import CannotStart
from webapp.system.given import check_given_stores

CLOSED = "127.0.0.1:9"  # the port of `discard`, where nothing listens


def test_a_dead_broker_is_named_with_its_variable(settings: Settings) -> None:
    settings.EMBEDDED_POSTGRES, settings.EMBEDDED_VALKEY = True, False
    settings.REDIS_URL = f"redis://:secret@{CLOSED}/0"

    with pytest.raises(CannotStart, match=f"REDIS_URL names a Valkey at {CLOSED}") as told:
        check_given_stores()

    assert "secret" not in str(told.value)


def test_a_dead_database_is_named_with_its_variable(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMBEDDED_POSTGRES, settings.EMBEDDED_VALKEY = False, True
    settings.DATABASE_URL = f"postgres://someone:secret@{CLOSED}/studio"
    closed = {"host": "127.0.0.1", "port": 9, "user": "someone", "password": "secret"}
    monkeypatch.setattr(connection, "get_connection_params", lambda: closed)

    with pytest.raises(CannotStart, match=f"DATABASE_URL names a PostgreSQL at {CLOSED}") as told:
        check_given_stores()

    assert "secret" not in str(told.value)


@pytest.mark.django_db
def test_a_database_that_answers_passes(settings: Settings) -> None:
    settings.EMBEDDED_POSTGRES, settings.EMBEDDED_VALKEY = False, True

    check_given_stores()
