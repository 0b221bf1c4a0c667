"""The start of everything, stage by stage, each with its seconds."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from retro_core.errors import CannotStart
from retro_core.supervisor import lock, preflight
from retro_core.supervisor.supervise import Supervisor
from webapp.accounts.services import ensure_administrator, one_time_path
from webapp.system import stack
from webapp.system.given import check_given_stores

Say = Callable[[str], None]
MODEL_BYTES = 700_000_000
# The children are stopped floor by floor: a trainer, the model server and the database may take a
# minute, 10 s and 30 s.
STOP_LIMIT_S = 120.0


def check_machine() -> None:
    """Look at ports, space and what was given before anything starts."""
    preflight.check_port(settings.HOST, settings.PORT, variable="PORT")
    needed = preflight.NEEDED_BYTES
    if settings.EMBEDDED_LM:
        preflight.check_port("127.0.0.1", settings.LM_PORT, variable="LM_PORT")
        needed += 0 if stack.model_is_ready() else MODEL_BYTES
    preflight.check_space(settings.DATA_DIR, needed=needed)
    check_given_stores()


def start_everything(supervisor: Supervisor, say: Say, *, sample: bool = True) -> None:
    """Start what is slow first and wait for it last: the LM server loads while tables are made."""
    stores = [supervisor.start(child) for child in stack.stores()]
    lm_servers = [supervisor.start(child) for child in stack.lm_server()]
    if lm_servers and not stack.model_is_ready():
        say("LM server: preparing the language model, about 20 s, once")
    for child in stores:
        child.ready(say)
    with stage("Static files", say):
        call_command("collectstatic", verbosity=0, interactive=False)
    web_server = supervisor.start(stack.web_server())
    with stage("Tables", say):
        migrate_where_needed()
    with stage("First rows", say):
        make_first_rows(sample=sample)
    for child in [web_server, *lm_servers]:
        child.ready(say)
    for service in stack.workers():  # last, or their first calls meet a model that still loads
        supervisor.start(service).ready(say)


def migrate_where_needed() -> None:
    """Bring the tables up to date; a look at the plan is quick, the command is not."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, interactive=False)


def make_first_rows(*, sample: bool = True) -> None:
    """An administrator, and a sample experiment that starts at once where there is none at all."""
    from webapp.experiments.models import Experiment
    from webapp.experiments.services import ensure_sample_experiment

    ensure_administrator()
    if sample and not Experiment.objects.exists():
        ensure_sample_experiment()


def address() -> str:
    """Where a browser finds the studio: by the first name given to it, else on this machine."""
    here = "localhost" if settings.HOST in {"127.0.0.1", "0.0.0.0", "::", "::1"} else settings.HOST
    names = [name for name in settings.GIVEN_NAMES if not name.startswith((".", "*"))]
    port = settings.PUBLIC_PORT
    known = {80: ("http", ""), 443: ("https", "")}
    scheme, ending = known.get(port, ("http", f":{port}"))
    return f"{scheme}://{[*names, here][0]}{ending}"


def check_database() -> None:
    """Raises CommandError where the embedded database waits for the studio's start."""
    if settings.EMBEDDED_POSTGRES and not stack.database_answers():
        raise CommandError("The studio is not running: `make up` starts it.")


def running_address() -> str:
    """Where the studio that runs is. Raises CommandError where its database waits for its start."""
    runs = lock.holder(settings.PLACES.lock)
    if settings.EMBEDDED_POSTGRES and not runs:
        raise CommandError("The studio is not running: `make up` prints a link.")
    told = lock.holder_address(settings.PLACES.lock) if runs else ""
    return told or address()


def sign_in_address() -> str:
    """A fresh one-time sign-in link for the first administrator."""
    return address() + one_time_path(ensure_administrator())


def forget_connections() -> None:
    """Close the database connections of this process: it only watches from now on."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL only


@contextmanager
def studio(say: Say) -> Iterator[None]:
    """The studio that runs on this data folder, or one that is started and stopped again.

    Raises CommandError where the one that runs has its model server elsewhere.
    """
    if lock.holder(settings.PLACES.lock):
        _find_model_server()
        yield
        return
    command = [sys.executable, "manage.py", "up", "--no-sample"]
    child = subprocess.Popen(command, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        for line in child.stdout:
            say(line.rstrip())
            if line.startswith("Ready."):
                break
        else:
            raise CannotStart("The studio did not start: see above.")
        threading.Thread(target=_drain, args=(child.stdout,), daemon=True).start()
        yield
    finally:
        child.terminate()
        child.wait()


def _find_model_server() -> None:
    if settings.EMBEDDED_LM and not stack.model_server_answers():
        raise CommandError(
            f"The studio that runs has no model server at port {settings.LM_PORT}. Give this"
            " command the PORT and LM_PORT that the studio was started with."
        )


def _drain(stream: IO[str]) -> None:
    """Read on, or the child would stand still at a full pipe."""
    for _ in stream:
        pass


@contextmanager
def stage(name: str, say: Say) -> Iterator[None]:
    """Say how long a stage took."""
    began = time.monotonic()
    yield
    say(f"{name}: done, {time.monotonic() - began:.1f} s")


def stop_holder(
    pid: int, still_there: Callable[[], bool], *, limit_s: float = STOP_LIMIT_S
) -> bool:
    """Ask a supervisor to stop and wait for it; False if it is still there after `limit_s`."""
    os.kill(pid, signal.SIGTERM)
    limit = time.monotonic() + limit_s
    while still_there():
        if time.monotonic() > limit:
            return False
        time.sleep(0.1)
    return True
