"""Live pages for many workers: one distance between requests, one memory; the API stood in for."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from pytest_django.fixtures import Settings
from redis import Redis

from retro_core.config import ExperimentConfig, PagesConfig
from retro_core.envs.hotpotqa.wikipedia import RateLimit
from retro_core.errors import EndpointUnavailable
from retro_core.types import Task
from webapp.worlds.models import WikipediaAnswer
from webapp.worlds.services import making
from webapp.worlds.services.making import env_factory
from webapp.worlds.services.wikipedia import NEXT_TURN, SharedTurns

QUESTION = Task(
    "q", "hotpotqa", "?", payload={"question": "?", "answer": "x", "pages": {"wikipedia": True}}
)
LIVE = ExperimentConfig(pages=PagesConfig(store="wikipedia"))


class MediaWiki(BaseHTTPRequestHandler):
    """Has one page, "Ash", and finds it by any words."""

    asked: list[str]

    def do_GET(self) -> None:
        query = {name: words[0] for name, words in parse_qs(urlsplit(self.path).query).items()}
        self.asked.append(query.get("titles", query.get("srsearch", "")))
        known = {"title": "Ash", "extract": "Ash is what fire leaves.\nIt is grey."}
        missing = {"title": query.get("titles"), "missing": True}
        pages = [known if query.get("titles") == "Ash" else missing]
        found = {"search": [{"title": "Ash"}]} if "srsearch" in query else {"pages": pages}
        body = json.dumps({"query": found}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test output quiet."""


@pytest.fixture
def mediawiki(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[ThreadingHTTPServer, list[str]]]:
    """The stand-in at the address of the settings, and what it was asked."""
    asked: list[str] = []
    handler = type("Asked", (MediaWiki,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    settings.WIKIPEDIA_API = f"http://127.0.0.1:{server.server_port}/w/api.php"
    quick = SharedTurns(interval=0.001, sleep=lambda seconds: None)
    monkeypatch.setattr(making, "SharedTurns", lambda: quick)
    making.wikipedia.cache_clear()
    yield server, asked
    making.wikipedia.cache_clear()
    stop(server)
    thread.join()


def stop(server: ThreadingHTTPServer) -> None:
    server.shutdown()
    server.server_close()


def search(words: str) -> str:
    env = env_factory("hotpotqa", LIVE)()
    env.reset(QUESTION)
    return env.step(f"Search[{words}]").observation


def test_workers_book_turns_one_after_the_other(broker: str) -> None:
    pauses: list[float] = []
    first, second = (SharedTurns(interval=60.0, sleep=pauses.append) for _ in range(2))

    first.wait()
    second.wait()
    first.wait()

    assert pauses == pytest.approx([60.0, 120.0], abs=5.0)


def test_a_turn_that_nobody_took_is_not_owed(broker: str) -> None:
    pauses: list[float] = []
    turns = SharedTurns(interval=0.001, sleep=pauses.append)
    turns.wait()
    while Redis.from_url(broker).exists(NEXT_TURN):
        time.sleep(0.001)

    turns.wait()

    assert pauses == []


def test_without_the_broker_a_process_keeps_the_distance_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    own = RateLimit(interval=0.5, clock=lambda: 0.0, sleep=pauses.append)
    away = Redis.from_url("unix:///nowhere")
    monkeypatch.setattr("django_rq.get_connection", lambda name: away)
    turns = SharedTurns(own=own)

    turns.wait()
    turns.wait()

    assert pauses == [0.5]


@pytest.mark.django_db
def test_live_pages_are_asked_once_and_read_again_without_a_network(
    broker: str, mediawiki: tuple[ThreadingHTTPServer, list[str]]
) -> None:
    server, asked = mediawiki
    found = [search("Ash"), search("Nowhere")]
    stop(server)

    again = [search("Ash"), search("Nowhere")]

    assert found == again
    assert found[0] == "Ash is what fire leaves."
    assert found[1] == "Could not find [Nowhere]. Similar: ['Ash']."
    assert asked == ["Ash", "Nowhere", "Nowhere"]
    assert WikipediaAnswer.objects.count() == 3
    with pytest.raises(EndpointUnavailable, match="Wikipedia cannot be reached"):
        search("Something new")
