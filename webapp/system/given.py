"""Databases and brokers that a team gives the studio: asked once before anything starts."""

from urllib.parse import urlsplit

import psycopg
import redis
from django.conf import settings
from django.db import connection

from retro_core.errors import CannotStart

ANSWER_WITHIN_S = 10


def check_given_stores() -> None:
    """Raises CannotStart where a given database or broker does not answer, with its reason."""
    if not settings.EMBEDDED_POSTGRES:
        _check_database()
    if not settings.EMBEDDED_VALKEY:
        _check_broker()


def _check_database() -> None:
    params = {"connect_timeout": ANSWER_WITHIN_S} | connection.get_connection_params()
    try:
        psycopg.connect(**params).close()
    except psycopg.Error as error:
        raise _silent("DATABASE_URL", "PostgreSQL", settings.DATABASE_URL, error) from error


def _check_broker() -> None:
    limits = {"socket_connect_timeout": ANSWER_WITHIN_S, "socket_timeout": ANSWER_WITHIN_S}
    broker = redis.Redis.from_url(settings.REDIS_URL, **limits)
    try:
        broker.ping()
    except (redis.RedisError, OSError) as error:
        raise _silent("REDIS_URL", "Valkey", settings.REDIS_URL, error) from error
    finally:
        broker.close()


def _silent(variable: str, kind: str, url: str, error: Exception) -> CannotStart:
    """One sentence without the password, which would stay in a terminal's history or a log."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2] + parts.path
    reason = " ".join(str(error).split()) or type(error).__name__
    return CannotStart(
        f"{variable} names a {kind} at {place} that cannot be used. Start it or correct {variable};"
        f" without {variable} the studio runs its own. The reason: {reason}"
    )
