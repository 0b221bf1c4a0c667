"""Insists on an answer: exponential backoff with jitter, and the pauses that endpoints ask for."""

import re
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from random import Random
from typing import TypeVar

from retro_core.config import EndpointConfig
from retro_core.errors import EndpointUnavailable
from retro_core.llm.reply import TemporaryFailure

T = TypeVar("T")
Sleep = Callable[[float], None]

# 424 is what text-generation-inference answers when a generation broke off within the server.
RETRIED_STATUSES = frozenset({408, 409, 424, 425, 429})
NOT_IMPLEMENTED = 501  # an answer of the kind of server it is, which no wait changes
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def insist(
    attempt: Callable[[], T], *, name: str, config: EndpointConfig, seed: int, sleep: Sleep
) -> T:
    """Call until it answers. Raises EndpointUnavailable after the last try."""
    failure = TemporaryFailure("")
    for pause in [*pauses(config, seed), None]:
        try:
            return attempt()
        except TemporaryFailure as error:
            failure = error
        if pause is not None:
            sleep(_wait(failure, pause, config))
    raise EndpointUnavailable(
        f"{name} is down: {failure} ({config.attempts} tries). Start it, or check its address in"
        " the settings; then resume."
    ) from failure


def pauses(config: EndpointConfig, seed: int) -> Iterator[float]:
    """Pauses between tries in seconds: doubling, each shortened by up to half at random."""
    jitter = Random(seed)
    for exponent in range(config.attempts - 1):
        full = min(config.backoff_seconds * 2**exponent, config.backoff_cap_seconds)
        yield full * (0.5 + 0.5 * jitter.random())


def _wait(failure: TemporaryFailure, pause: float, config: EndpointConfig) -> float:
    asked = failure.wait_seconds
    return pause if asked is None else min(max(asked, pause), config.backoff_cap_seconds)


def is_temporary(status: int) -> bool:
    """Whether an HTTP status may pass by itself."""
    return status in RETRIED_STATUSES or (status >= 500 and status != NOT_IMPLEMENTED)


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds an endpoint asks to wait: retry-after, or the reset of a limit that is used up."""
    found = {name.lower(): value for name, value in headers.items()}
    if "retry-after-ms" in found:
        return _number(found["retry-after-ms"], 0.001)
    if "retry-after" in found:
        seconds = _number(found["retry-after"], 1.0)
        return seconds if seconds is not None else _until(found["retry-after"], found.get("date"))
    resets = [
        _duration(found.get(f"x-ratelimit-reset-{kind}", ""))
        for kind in ("requests", "tokens")
        if found.get(f"x-ratelimit-remaining-{kind}", "0") == "0"
    ]
    return max((seconds for seconds in resets if seconds is not None), default=None)


def _number(text: str, unit: float) -> float | None:
    try:
        return max(float(text) * unit, 0.0)
    except ValueError:
        return None


def _until(moment: str, now: str | None) -> float | None:
    """Seconds between two HTTP dates, both from the answer itself, so that no clock is asked."""
    try:
        gap = parsedate_to_datetime(moment) - parsedate_to_datetime(now or "")
    except ValueError:
        return None
    return max(gap.total_seconds(), 0.0)


def _duration(text: str) -> float | None:
    """Seconds of `6m0s`, `250ms` or a bare number."""
    parts = _DURATION_PART.findall(text)
    if not parts:
        return _number(text, 1.0)
    return sum(float(amount) * _SECONDS[unit] for amount, unit in parts)
