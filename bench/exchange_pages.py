"""How pages answer while data goes out and comes in: `python -m bench.exchange_pages`.

Asks a running studio (its PORT and data folder are those of the environment): the same pages first
quiet, then while its own worker exports 12,000 reflections, then while it imports a log.
"""

import argparse
import http.client
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")  # noqa: TID251

from bench.exchange import line

NAME = "bench"
PAUSE_SECONDS = 0.2
PAGES = ("/experiments/", "/reflections/", "/data/", "/worlds/")


def main() -> None:
    """Fill where that is missing, then measure in one run."""
    import django

    django.setup()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reflections", type=int, default=12_000)
    parser.add_argument("--quiet-seconds", type=float, default=15.0)
    asked = parser.parse_args()
    session = signed_in()
    ensure_filled(asked.reflections)
    print(f"load average {os.getloadavg()[0]:.1f} at the start, {os.cpu_count()} cores")
    until = time.perf_counter() + asked.quiet_seconds
    tell("quiet", asked_while(lambda: time.perf_counter() < until, session))
    for what, begin in (("export", export), ("import", lambda: take(asked.reflections // 4))):
        transfer = begin()
        began = time.perf_counter()
        walls = asked_while(lambda pk=transfer: moving(pk), session)  # type: ignore[misc]
        print(f"{what}: {told(transfer)}, {time.perf_counter() - began:.1f} s with the queue")
        tell(f"during the {what}", walls)
    print(f"load average {os.getloadavg()[0]:.1f} at the end")


def signed_in() -> str:
    """The session of an administrator."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from webapp.accounts.services import ensure_administrator

    user, store = ensure_administrator(), SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return str(store.session_key)


def ensure_filled(count: int) -> None:
    """One experiment with so many rated reflections, taken in through the worker."""
    from webapp.experiments.models import Experiment

    if not Experiment.objects.filter(name=NAME).exists():
        finish(push(lines(NAME, count), f"{NAME}.jsonl"))


def lines(name: str, count: int) -> Iterator[bytes]:
    """A log: every task has a failed trial with a reflection, and a second trial."""
    for number in range(count):
        for trial in (1, 2):
            yield json.dumps({**line(number, trial), "experiment": name}).encode() + b"\n"


def push(chunks: Iterator[bytes], name: str) -> int:
    """Ask for the import of a log."""
    from webapp.exchange.requests import ImportRequest
    from webapp.exchange.services import ask_for_import

    return ask_for_import(ImportRequest(file=name), owner=None, chunks=chunks).pk


def take(count: int) -> int:
    """The import of a new experiment."""
    return push(lines(f"{NAME} {time.time():.0f}", count), "more.jsonl")


def export() -> int:
    """The export of the reflections of the filled experiment."""
    from webapp.exchange.requests import ExportRequest
    from webapp.exchange.services import ask_for_export
    from webapp.experiments.models import Experiment

    chosen = [Experiment.objects.get(name=NAME).pk]
    request = ExportRequest(tables=["reflections"], experiments=chosen, task_sets=[])
    return ask_for_export(request, title="bench", owner=None).pk


def moving(pk: int) -> bool:
    """Whether the worker is still at it."""
    from webapp.exchange.models import Transfer

    return Transfer.objects.get(pk=pk).is_moving


def finish(pk: int) -> None:
    """Wait for it."""
    while moving(pk):
        time.sleep(PAUSE_SECONDS)


def told(pk: int) -> str:
    """Rows, and the worker's own seconds."""
    from webapp.exchange.models import Transfer

    row = Transfer.objects.get(pk=pk)
    assert row.status == "done", row.message
    assert row.started_at is not None
    assert row.finished_at is not None
    seconds = (row.finished_at - row.started_at).total_seconds()
    return f"{row.rows_done:,} rows in {seconds:.1f} s"


def asked_while(going: Callable[[], bool], session: str) -> list[float]:
    """Milliseconds of each request; the pages in turn, each on a connection of its own."""
    from django.conf import settings

    walls: list[float] = []
    while going():
        page = PAGES[len(walls) % len(PAGES)]
        connection = http.client.HTTPConnection("127.0.0.1", settings.PORT, timeout=120)
        began = time.perf_counter()
        headers = {"Cookie": f"sessionid={session}", "Host": f"127.0.0.1:{settings.PORT}"}
        connection.request("GET", page, headers=headers)
        response = connection.getresponse()
        response.read()
        walls.append(1000 * (time.perf_counter() - began))
        connection.close()
        assert response.status == 200, (page, response.status)
        time.sleep(PAUSE_SECONDS)
    return sorted(walls)


def tell(name: str, walls: list[float]) -> None:
    """Median, 95th percentile, and how many requests."""
    at = max(int(len(walls) * 0.95) - 1, 0)
    print(f"{name}: median {statistics.median(walls):.0f} ms, p95 {walls[at]:.0f} ms,"
          f" {len(walls)} requests", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
