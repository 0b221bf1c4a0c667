"""An export and an import that go on while pages are measured: `python -m bench.web_busy WHAT`.

Does the jobs as the exchange worker does them: in a process of their own that gives way to pages.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

WHATS = ("export", "import")
TABLES = ("tasks", "experiments", "episodes", "reflections", "ratings")
START_LIMIT_S = 120.0


@contextmanager
def exporting_and_importing() -> Iterator[None]:
    """An export of everything and imports of a log of many episodes, until the block's end."""
    processes = [
        subprocess.Popen([sys.executable, "-m", "bench.web_busy", what], stdout=subprocess.DEVNULL)
        for what in WHATS
    ]
    try:
        wait_until_both_move()
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def wait_until_both_move() -> None:
    """Until a worker's beat has shown rows of both directions."""
    from webapp.exchange.models import Transfer

    moving = Transfer.objects.filter(status=Transfer.Status.RUNNING, rows_done__gt=0)
    until = time.monotonic() + START_LIMIT_S
    while moving.values("direction").distinct().count() < len(WHATS):
        if time.monotonic() > until:
            raise SystemExit("the export and the import did not begin")
        time.sleep(0.2)


def main() -> None:
    """One transfer after the other until the process is asked to end."""
    import django

    django.setup()
    from workers.exchange_worker import YIELDS

    os.nice(YIELDS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    while True:
        run(sys.argv[1])


def run(what: str) -> None:
    """Do one transfer; nothing of it stays but imported rows."""
    from bench.web_pages import import_lines
    from webapp.exchange.requests import ExportRequest, ImportRequest
    from webapp.exchange.services import ask_for_export, ask_for_import
    from workers.exchange import run_transfer

    if what == "export":
        made = ask_for_export(ExportRequest(tables=list(TABLES)), title="bench", owner=None)
    else:
        lines = (line.encode() for line in import_lines())
        made = ask_for_import(ImportRequest(file="log.jsonl"), owner=None, chunks=lines)
    try:
        run_transfer(made.pk)
    finally:
        shutil.rmtree(made.folder, ignore_errors=True)
        made.delete()


if __name__ == "__main__":
    main()
