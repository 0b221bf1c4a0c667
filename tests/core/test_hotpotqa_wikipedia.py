"""Live Wikipedia, with its answers written here instead of fetched."""

import json
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlsplit

import pytest

from retro_core.envs.hotpotqa.env import HotpotQaEnv
from retro_core.envs.hotpotqa.wikipedia import (
    MemoryCache,
    RateLimit,
    WikipediaPages,
    fetch_text,
)
from retro_core.errors import EndpointRefused, EndpointUnavailable
from retro_core.types import Task

ASH = {"title": "River Ash", "extract": "The Ash is a river. It is short.\n== Course ==\nIt bends."}
ASHES = {"title": "Ash", "extract": "Ash may refer to:", "pageprops": {"disambiguation": ""}}


class Wiki:
    """Answers by title or search text, and keeps what was asked."""

    def __init__(self, failures: int = 0) -> None:
        self.asked: list[str] = []
        self.failures = failures

    def __call__(self, address: str) -> str:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.asked.append(asked.get("titles", asked.get("srsearch", "")))
        if len(self.asked) <= self.failures:
            raise EndpointUnavailable("HTTP 503")
        return json.dumps({"query": self._answer(asked)})

    def _answer(self, asked: Mapping[str, str]) -> Mapping[str, object]:
        if "srsearch" in asked:
            return {"search": [{"title": "River Ash"}, {"title": "Ash (tree)"}]}
        pages = {"River Ash": ASH, "Ash": ASHES}
        missing = {"title": asked["titles"], "missing": True}
        return {"pages": [pages.get(asked["titles"], missing)]}


def no_wait(seconds: list[float] | None = None) -> RateLimit:
    spent: list[float] = [] if seconds is None else seconds
    return RateLimit(interval=0.0, clock=lambda: 0.0, sleep=spent.append)


def wikipedia_task() -> Task:
    payload = {"question": "?", "answer": "short", "pages": {"wikipedia": True}}
    return Task(id="w", environment="hotpotqa", goal="?", payload=payload)


def test_a_page_is_read_without_headings() -> None:
    env = HotpotQaEnv(wikipedia=WikipediaPages(Wiki(), rate_limit=no_wait()))
    env.reset(wikipedia_task())

    assert env.step("Search[River Ash]").observation == "The Ash is a river. It is short."
    assert env.step("Lookup[bends]").observation == "(Result 1 / 1) It bends."


@pytest.mark.parametrize("title", ["Ash", "Nowhere"])
def test_lists_of_meanings_and_missing_pages_are_not_found(title: str) -> None:
    env = HotpotQaEnv(wikipedia=WikipediaPages(Wiki(), rate_limit=no_wait()))
    env.reset(wikipedia_task())

    assert env.step(f"Search[{title}]").observation == (
        f"Could not find [{title}]. Similar: ['River Ash', 'Ash (tree)']."
    )


def test_what_was_read_once_is_not_fetched_again() -> None:
    cache, first, offline = MemoryCache(), Wiki(), Wiki(failures=99)
    WikipediaPages(first, cache, no_wait()).find("River Ash")

    page = WikipediaPages(offline, cache, no_wait()).find("River Ash")

    assert page is not None
    assert page.title == "River Ash"
    assert offline.asked == []


def test_a_passing_failure_is_tried_again_after_a_pause() -> None:
    wiki, pauses = Wiki(failures=2), list[float]()

    page = WikipediaPages(wiki, rate_limit=no_wait(pauses)).find("River Ash")

    assert page is not None
    assert wiki.asked == ["River Ash"] * 3
    assert pauses == [2.0, 4.0]


def test_without_a_network_the_error_says_what_to_do() -> None:
    pages = WikipediaPages(Wiki(failures=99), rate_limit=no_wait())

    with pytest.raises(EndpointUnavailable, match="Check the network, or use tasks"):
        pages.find("River Ash")


def test_an_answer_that_is_no_json_counts_as_a_failure() -> None:
    pages = WikipediaPages(lambda address: "<html>", rate_limit=no_wait())

    with pytest.raises(EndpointUnavailable):
        pages.find("River Ash")


def told(*answers: str) -> Callable[[str], str]:
    left = iter(answers)
    return lambda address: next(left)


def test_a_busy_server_is_no_missing_page() -> None:
    busy = json.dumps({"error": {"code": "ratelimited"}})
    found = json.dumps({"query": {"pages": [ASH]}})

    page = WikipediaPages(told(busy, found), rate_limit=no_wait()).find("River Ash")

    assert page is not None
    with pytest.raises(EndpointUnavailable, match="ratelimited"):
        WikipediaPages(told(busy, busy, busy), rate_limit=no_wait()).find("River Ash")


def test_an_answer_with_an_error_is_not_remembered() -> None:
    long = json.dumps({"error": {"code": "request_too_long"}})
    found = json.dumps({"query": {"pages": [ASH]}})
    pages = WikipediaPages(told(long, found), rate_limit=no_wait())

    assert pages.find("River Ash") is None
    assert pages.find("River Ash") is not None


def test_requests_keep_their_distance() -> None:
    now, pauses = [100.0], list[float]()
    limit = RateLimit(interval=0.5, clock=lambda: now[0], sleep=pauses.append)

    limit.wait()
    limit.wait()
    now[0] = 100.2
    limit.wait()
    now[0] = 200.0
    limit.wait()

    assert pauses == pytest.approx([0.5, 0.8])


def test_a_real_connection_that_fails_is_named() -> None:
    with pytest.raises(EndpointUnavailable):
        fetch_text("http://127.0.0.1:9/nothing-listens-here")


def test_a_refusal_is_not_a_passing_failure() -> None:
    def refuse(address: str) -> str:
        raise EndpointRefused("HTTP 403")

    with pytest.raises(EndpointRefused):
        WikipediaPages(refuse, rate_limit=no_wait()).find("River Ash")
