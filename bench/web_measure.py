"""Asks a running server for each page and says what a request took."""

import http.client
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from bench.web_busy import exporting_and_importing
from bench.web_pages import LIMITS, BenchPage, pages

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
WARM_UP = 3
HEADER = (
    "| page | p50 ms | p95 ms | CPU ms web + database | queries | KiB | limits | holds |\n"
    "|---|---|---|---|---|---|---|---|"
)
COOKIE = "sessionid"


@dataclass(frozen=True, slots=True)
class Figures:
    """What one page took: milliseconds of wall time, CPU of both processes, and its size."""

    walls: list[float]
    web_cpu: float
    database_cpu: float
    queries: int
    kib: float

    @property
    def p95(self) -> float:
        """The slowest but one of twenty."""
        return sorted(self.walls)[max(int(len(self.walls) * 0.95) - 1, 0)]


def measure_all(web_pid: int, database_pid: int, port: int, *, rounds: int, only: str) -> None:
    """Print the table, then the same list page while an export and an import run."""
    session = sign_in()
    wait_for(port)
    print(f"load average {os.getloadavg()[0]:.1f} at the start, {os.cpu_count()} cores\n")
    print(HEADER)
    failed = 0
    for page in pages():
        if only in page.name:
            found = measure(page, session, (web_pid, database_pid), port, rounds)
            failed += not tell(page, found)
    if not only or only == "busy":
        busy(session, port, rounds)
    print(f"\n{failed} pages over their limits; load average {os.getloadavg()[0]:.1f} at the end")


def measure(
    page: BenchPage, session: str, pids: tuple[int, int], port: int, rounds: int
) -> Figures:
    """Ask for the page's addresses in turn."""
    for number in range(WARM_UP):
        ask(page, session, port, number)
    web, database = cpu_ms(pids[0]), cpu_ms(pids[1], children=True)
    walls, size = [], 0
    for number in range(WARM_UP, WARM_UP + rounds):
        began = time.perf_counter()
        size = max(size, ask(page, session, port, number))
        walls.append(1000 * (time.perf_counter() - began))
    return Figures(
        walls=walls,
        web_cpu=(cpu_ms(pids[0]) - web) / rounds,
        database_cpu=(cpu_ms(pids[1], children=True) - database) / rounds,
        queries=queries_of(page, session),
        kib=size / 1024,
    )


def tell(page: BenchPage, found: Figures) -> bool:
    """Print one line; whether CPU, queries and size are within the limits."""
    limit = LIMITS[page.kind]
    cpu = found.web_cpu + found.database_cpu
    holds = cpu <= limit.cpu_ms and found.queries <= limit.queries and found.kib <= limit.kib
    word = "yes" if holds and found.p95 <= limit.p95_ms else "but p95" if holds else "NO"
    print(
        f"| {page.name} | {statistics.median(found.walls):.0f} | {found.p95:.0f}"
        f" | {found.web_cpu:.1f} + {found.database_cpu:.1f} | {found.queries} | {found.kib:.1f}"
        f" | {limit.words} | {word} |",
        flush=True,
    )
    return holds


def ask(page: BenchPage, session: str, port: int, number: int) -> int:
    """One request on a connection of its own; the bytes of its body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Cookie": f"{COOKIE}={session}", "Host": f"127.0.0.1:{port}", **page.headers}
    connection.request("GET", page.paths[number % len(page.paths)], headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status not in {200, 204}:
        raise SystemExit(f"{page.name}: status {response.status}")
    return len(body)


def queries_of(page: BenchPage, session: str) -> int:
    """The queries of one request, counted in this process over the same database."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client()
    client.cookies[COOKIE] = session
    with CaptureQueriesContext(connection) as captured:
        client.get(page.paths[0], headers=page.headers, SERVER_NAME="127.0.0.1")
    return len(captured)


def cpu_ms(pid: int, *, children: bool = False) -> float:
    """CPU a process has spent, with its living and reaped children if asked."""
    own = _ticks(pid, reaped=children)
    if children:
        living = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        own += sum(_ticks(int(child), reaped=False) for child in living)
    return own * TICK_MS


def _ticks(pid: int, *, reaped: bool) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0
    return sum(int(field) for field in fields[11 : 15 if reaped else 13])


def sign_in() -> str:
    """A session of the first administrator."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from webapp.accounts.services import ensure_administrator

    user = ensure_administrator()
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    return str(store.session_key)


def wait_for(port: int) -> None:
    """Until the server answers."""
    for _ in range(300):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/sign-in/")
            connection.getresponse().read()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the web server does not answer; see web.log")


def busy(session: str, port: int, rounds: int) -> None:
    """List and rare-word search while everything is exported and a log imported."""
    chosen = [page for page in pages() if page.while_busy]
    with exporting_and_importing():
        for page in chosen:
            walls = []
            for number in range(rounds):
                began = time.perf_counter()
                ask(page, session, port, number)
                walls.append(1000 * (time.perf_counter() - began))
            p95 = sorted(walls)[max(int(rounds * 0.95) - 1, 0)]
            word = "yes" if p95 <= LIMITS[page.kind].p95_ms else "NO"
            limit = LIMITS[page.kind].p95_ms
            print(
                f"| {page.name}, while exporting and importing | {statistics.median(walls):.0f}"
                f" | {p95:.0f} | | | | p95 {limit:.0f} | {word} |",
                flush=True,
            )
