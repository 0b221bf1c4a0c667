"""How fast pages are at ten times the paper's scale: `python -m bench.web`.

Starts a PostgreSQL over a folder of its own, fills it once with `manage.py make_bench_data`, starts
gunicorn as `make up` does, and asks for each page many times. CPU is what the web process and the
database spent on a request together; it says more than wall time on a machine with other work.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "data" / "bench"
PORT = 8299


def main() -> None:
    """Start everything, measure, print the table, stop everything."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="of the data, when it is made")
    parser.add_argument("--rounds", type=int, default=20, help="requests for each page")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="kept for the next run")
    parser.add_argument("--only", default="", help="pages whose name holds this; or busy")
    options = parser.parse_args()
    environment = {
        "STUDIO_DATA_DIR": str(options.folder),
        "DJANGO_SETTINGS_MODULE": "webapp.settings",
        "OMP_NUM_THREADS": "1",
    }
    os.environ |= environment  # noqa: TID251
    with postgres(options.folder) as database_pid:
        prepare(options.scale)
        with gunicorn(options.folder) as web_pid:
            from bench.web_measure import measure_all

            measure_all(web_pid, database_pid, PORT, rounds=options.rounds, only=options.only)


@contextmanager
def postgres(folder: Path) -> Iterator[int]:
    """The server over the folder; yields its process id."""
    from retro_core.supervisor import binaries, service
    from retro_core.supervisor.places import Places
    from retro_core.supervisor.postgres import postgres_service, server_pid

    places = Places(folder)
    made = postgres_service(places, binaries.postgres_bin_dir())
    process = service.start(made)
    try:
        service.wait_until_ready(made, process)
        yield server_pid(places.postgres)
    finally:
        service.ask_to_stop(made, process)
        service.finish(made, process)


def prepare(scale: float) -> None:
    """Tables, rows where there are none, statistics, static files."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from webapp.experiments.models import Experiment

    call_command("migrate", verbosity=0)
    if not Experiment.objects.exists():
        call_command("make_bench_data", scale=scale)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    call_command("collectstatic", verbosity=0, interactive=False)


@contextmanager
def gunicorn(folder: Path) -> Iterator[int]:
    """The web server as `make up` starts it; yields the id of its one worker."""
    words = ["--worker-class", "gthread", "--threads", "8", "--no-control-socket"]
    command = [sys.executable, "-m", "gunicorn", "webapp.wsgi", *words]
    log = (folder / "web.log").open("ab")
    with subprocess.Popen(
        [*command, "--bind", f"127.0.0.1:{PORT}"], cwd=ROOT, stdout=log, stderr=log
    ) as process:
        try:
            yield worker_of(process.pid)
        finally:
            process.terminate()


def worker_of(master: int) -> int:
    """The child of gunicorn's master, once it is there."""
    children = Path(f"/proc/{master}/task/{master}/children")
    for _ in range(300):
        if found := children.read_text().split():
            return int(found[0])
        time.sleep(0.1)
    raise SystemExit("gunicorn started no worker; see web.log")


if __name__ == "__main__":
    main()
