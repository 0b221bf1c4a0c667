"""Pauses between tries: how long, and who decides."""

import pytest

from retro_core.config import EndpointConfig
from retro_core.llm.retry import asked_wait, pauses


def test_pauses_double_up_to_the_cap_and_lose_at_most_half_to_jitter():
    config = EndpointConfig(attempts=6, backoff_seconds=1.0, backoff_cap_seconds=5.0)

    found = list(pauses(config, seed=1))

    for pause, full in zip(found, [1.0, 2.0, 4.0, 5.0, 5.0], strict=True):
        assert full / 2 <= pause <= full
    assert found == list(pauses(config, seed=1))
    assert found != list(pauses(config, seed=2))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        (
            {
                "retry-after": "Wed, 21 Oct 2026 07:28:30 GMT",
                "date": "Wed, 21 Oct 2026 07:28:00 GMT",
            },
            30.0,
        ),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"x-ratelimit-reset-requests": "1m30s"}, 90.0),
        ({"x-ratelimit-reset-tokens": "20ms"}, 0.02),
        (
            {
                "x-ratelimit-remaining-requests": "4",
                "x-ratelimit-reset-requests": "60s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "2s",
            },
            2.0,
        ),
        ({}, None),
    ],
)
def test_the_wait_is_read_from_the_headers_that_endpoints_send(headers, seconds):
    assert asked_wait(headers) == seconds
