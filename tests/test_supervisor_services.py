"""The embedded PostgreSQL and Valkey, really started."""

import pytest
from django.db import connection
from redis import Redis


@pytest.mark.django_db
def test_the_database_of_the_tests_is_a_real_postgres_18() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")

        assert cursor.fetchone()[0].startswith("18")


def test_the_broker_keeps_what_it_is_given(broker: str) -> None:
    with Redis.from_url(broker) as client:
        client.set("doors", "open")

        assert client.get("doors") == b"open"
