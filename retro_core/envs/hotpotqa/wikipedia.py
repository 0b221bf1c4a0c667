"""Live Wikipedia as a page store: rate-limited, and cached so that a run can be repeated."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Protocol
from urllib.parse import urlencode

from retro_core.envs.hotpotqa.pages import SIMILAR_TITLES, Page
from retro_core.errors import EndpointRefused, EndpointUnavailable

API = "https://en.wikipedia.org/w/api.php"
AGENT = "retroformer-studio/0.1 (research on language agents)"
TIMEOUT = 20.0  # seconds
SECONDS_BETWEEN_REQUESTS = 0.5
TRIES = 3
PASSING_ERRORS = {"ratelimited", "readonly", "maxlag", "cirrussearch-too-busy-error"}
BACKOFF = 2.0  # seconds before the second try, doubled for each further one

Fetch = Callable[[str], str]  # an address to the text of its answer


class PageCache(Protocol):
    """Remembers answers by address, for example in the database."""

    def get(self, address: str) -> str | None: ...

    def put(self, address: str, answer: str) -> None: ...


class MemoryCache:
    """A cache that lasts as long as the process."""

    def __init__(self) -> None:
        self._answers: dict[str, str] = {}

    def get(self, address: str) -> str | None:
        return self._answers.get(address)

    def put(self, address: str, answer: str) -> None:
        self._answers[address] = answer


class Turns(Protocol):
    """Who may ask when, so that requests keep their distance."""

    def wait(self) -> None:
        """Return when it is this caller's turn."""

    def sleep(self, seconds: float, /) -> None:
        """Pause before another try."""


@dataclass(slots=True)
class RateLimit:
    """At least `interval` seconds between two requests, over all threads of this process."""

    interval: float = SECONDS_BETWEEN_REQUESTS
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self) -> None:
        with self._lock:
            now = self.clock()
            pause, self._next = max(self._next - now, 0.0), max(self._next, now) + self.interval
        if pause:
            self.sleep(pause)


class WikipediaPages:
    """Pages of the English Wikipedia. Raises EndpointUnavailable where it cannot be reached."""

    def __init__(
        self,
        fetch: Fetch | None = None,
        cache: PageCache | None = None,
        rate_limit: Turns | None = None,
        api: str = API,
    ) -> None:
        self._fetch = fetch or fetch_text
        self._cache = cache or MemoryCache()
        self._rate_limit: Turns = rate_limit or RateLimit()
        self._api = api

    def find(self, title: str) -> Page | None:
        found = self._ask(
            prop="extracts|pageprops", ppprop="disambiguation", explaintext="1", redirects="1",
            titles=title,
        )  # fmt: skip
        pages = found.get("query", {}).get("pages", [])
        return _article(pages[0]) if pages else None

    def similar(self, text: str) -> list[str]:
        found = self._ask(list="search", srsearch=text, srlimit=str(SIMILAR_TITLES), srprop="")
        return [hit["title"] for hit in found.get("query", {}).get("search", [])]

    def _ask(self, **parameters: str) -> Any:  # the API's JSON answer
        common = {"action": "query", "format": "json", "formatversion": "2"}
        address = f"{self._api}?{urlencode({**common, **parameters}, errors='replace')}"
        answer = self._cache.get(address)
        if answer is None:
            answer = self._fetch_patiently(address)
            found = json.loads(answer)
            if not _error_of(found):
                self._cache.put(address, answer)
            return found
        return json.loads(answer)

    def _fetch_patiently(self, address: str) -> str:
        for attempt in range(TRIES):
            self._rate_limit.wait()
            try:
                answer = self._fetch(address)
                _check(json.loads(answer))
            except (EndpointUnavailable, ValueError) as error:
                if attempt == TRIES - 1:
                    message = (
                        "Wikipedia cannot be reached. Check the network, or use tasks that bring "
                        f"their own paragraphs or a corpus folder. ({error})"
                    )
                    raise EndpointUnavailable(message) from error
                self._rate_limit.sleep(BACKOFF * 2**attempt)
            else:
                return answer
        raise AssertionError("The loop returns or raises.")


def _check(answer: Any) -> None:
    """The API tells of being busy or read-only in an answer: no page is missing for that.

    Raises EndpointUnavailable then; other errors, of a search that is too long say, are answers.
    """
    code = _error_of(answer)
    if code in PASSING_ERRORS or code.startswith("internal_api_error"):
        raise EndpointUnavailable(f"Wikipedia is busy: {code}")


def _error_of(answer: Any) -> str:
    error = answer.get("error") if isinstance(answer, dict) else None
    return str(error.get("code", "unknown")) if isinstance(error, dict) else ""


def _article(found: Mapping[str, Any]) -> Page | None:
    """A page that exists and is no list of meanings."""
    text = _without_headings(found.get("extract", ""))
    is_article = "disambiguation" not in found.get("pageprops", {})
    return Page(found["title"], text) if is_article and text else None


def _without_headings(text: str) -> str:
    """Plain extracts mark headings as == Heading ==."""
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("=="))
    return "\n".join(lines)


def fetch_text(address: str) -> str:
    """Read an address over the network."""
    request = urllib.request.Request(address, headers={"User-Agent": AGENT})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            text: str = answer.read().decode("utf-8")
            return text
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.TOO_MANY_REQUESTS or error.code >= 500:
            raise EndpointUnavailable(f"HTTP {error.code}") from error
        raise EndpointRefused(f"Wikipedia refuses the request: HTTP {error.code}.") from error
    except (OSError, HTTPException) as error:
        raise EndpointUnavailable(str(error)) from error
