"""How fast data goes out and comes in: `python -m bench.exchange [--reflections 12000]`.

Starts a durable PostgreSQL of its own in a temporary folder, fills it with rated reflections of
played episodes, and does the jobs of an export and an import in this process.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

LIMIT_SECONDS = 5.0
STEPS = 3


def main() -> None:
    """Start the database, measure, clean up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reflections", type=int, default=12_000)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="retro-bench-", dir="/tmp"))
    os.environ |= {"STUDIO_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "webapp.settings"}  # noqa: TID251
    from retro_core.supervisor import binaries, service
    from retro_core.supervisor.places import Places
    from retro_core.supervisor.postgres import postgres_service

    places = Places(folder)
    made = postgres_service(places, binaries.postgres_bin_dir())
    process = service.start(made)
    try:
        service.wait_until_ready(made, process)
        measure(asked.reflections)
    finally:
        service.ask_to_stop(made, process)
        service.finish(made, process)
        shutil.rmtree(folder)
        shutil.rmtree(places.sockets, ignore_errors=True)


def measure(count: int) -> None:
    """Fill, export in both formats, import into an emptied database."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    fill(count)
    kept = Path(tempfile.mkdtemp(prefix="retro-bench-kept-", dir="/tmp"))
    try:
        for kind in ("jsonl", "parquet"):
            seconds, size, _ = exported(["reflections"], kind)
            within = "within" if seconds <= LIMIT_SECONDS else "OVER"
            print(
                f"{count:,} reflections as {kind:7}  {seconds:6.2f} s, {size / 2**20:.1f} MB"
                f" ({within} {LIMIT_SECONDS:.0f} s)"
            )
        everything = ["tasks", "experiments", "episodes", "reflections", "ratings"]
        seconds, size, path = exported(everything, "parquet")
        print(f"all five tables as parquet    {seconds:6.2f} s, {size / 2**20:.1f} MB")
        shutil.copy(path, kept / "all.zip")
        imported(kept / "all.zip")
    finally:
        shutil.rmtree(kept)


def fill(count: int) -> None:
    """One experiment: every task has a failed trial with a reflection, and a second trial."""
    import json

    from webapp.episodes.importing import import_episodes

    def lines() -> "list[bytes]":
        made = []
        for number in range(count):
            for trial in (1, 2):
                made.append(json.dumps(line(number, trial)).encode())
        return made

    import_episodes(lines(), source="bench")


def line(number: int, trial: int) -> dict[str, object]:
    """An episode of a few steps; the words differ, as real ones do."""
    step = {"thought": f"Try {number % 97}.", "action": "look", "observation": "A wall. " * 12}
    return {
        **{"experiment": "bench", "environment": "doors", "method": "reflexion"},
        **{"task_id": f"task-{number}", "goal": "Get out.", "trial": trial},
        **{"success": False, "episode_return": trial / 4, "truncated": True},
        "steps": [step] * STEPS,
        "reflection": f"Door {number} was a wall, so take the next one. " * 12
        if trial == 1
        else "",
    }


def exported(tables: list[str], kind: str) -> tuple[float, int, Path]:
    """Seconds and bytes of one export by its job."""
    from webapp.exchange import services
    from webapp.exchange.models import Transfer
    from webapp.exchange.requests import ExportRequest
    from workers.exchange import run_transfer

    request = ExportRequest(tables=tables, format=kind)  # type: ignore[arg-type]
    transfer = services.ask_for_export(request, title="bench", owner=None)
    started, worked = time.perf_counter(), time.process_time()
    run_transfer(transfer.pk)
    seconds = time.perf_counter() - started
    print(f"  (this process worked {time.process_time() - worked:.2f} s of it)")
    transfer = Transfer.objects.get(pk=transfer.pk)
    path = services.packed(transfer)
    assert path is not None, transfer.message
    return seconds, transfer.bytes, path


def imported(path: Path) -> None:
    """Time an import into the emptied tables, and a page of the list meanwhile."""
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client

    from webapp.exchange import services
    from webapp.exchange.models import Transfer
    from webapp.exchange.requests import ImportRequest
    from workers.exchange import run_transfer

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE experiments_experiment, tasks_taskset, tasks_task CASCADE")
    user = User.objects.create_superuser("bench")
    request = ImportRequest(file="all.zip")
    transfer = services.ask_for_import(request, owner=user, chunks=[path.read_bytes()])
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    client.get("/experiments/")
    pages: list[float] = []
    thread = threading.Thread(target=run_transfer, args=[transfer.pk])
    started = time.perf_counter()
    thread.start()
    while thread.is_alive():
        asked = time.perf_counter()
        assert client.get("/experiments/").status_code == 200
        pages.append(time.perf_counter() - asked)
        time.sleep(0.2)
    seconds = time.perf_counter() - started
    done = Transfer.objects.get(pk=transfer.pk)
    rows = sum(done.report["new"].values())
    print(f"import of {rows:,} rows           {seconds:6.2f} s = {rows / seconds:.0f} rows/s")
    slow = 1000 * max(pages)
    usual = 1000 * statistics.median(pages)
    print(f"experiments page meanwhile   {usual:6.0f} ms median, {slow:.0f} ms at worst")


if __name__ == "__main__":
    main()
