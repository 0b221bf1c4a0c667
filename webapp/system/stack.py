"""The children of `manage.py up`, as the settings describe them."""

import http.client
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings

from retro_core.supervisor import binaries
from retro_core.supervisor.postgres import postgres_service
from retro_core.supervisor.service import Service
from retro_core.supervisor.valkey import valkey_service

FIRST_MODEL_LIMIT_S = 600.0
# Who pressed Ctrl-C waits for this. A trainer saves a checkpoint after its present update; those of
# `cpu-small` take less on a quiet machine, and longer ones go on from the checkpoint before.
CHECKPOINT_LIMIT_S = 60.0
PROGRAMS_FLOOR = 2
LM_FLOOR = 1


def stores() -> list[Service]:
    """The database and the broker, where the settings name no others."""
    children = []
    if settings.EMBEDDED_POSTGRES:
        bin_dir = binaries.postgres_bin_dir(settings.POSTGRES_BIN_DIR)
        children.append(postgres_service(settings.PLACES, bin_dir))
    if settings.EMBEDDED_VALKEY:
        program = binaries.valkey_program(settings.VALKEY_BIN)
        children.append(valkey_service(settings.PLACES, program))
    return children


def lm_server() -> list[Service]:
    """The language model server, unless actor and reflector are both elsewhere."""
    if not settings.EMBEDDED_LM:
        return []
    household = settings.BASE_DIR / "retro_core" / "actors" / "household"
    built_in = ["--adapter", f"household={household}"] if household.is_dir() else []
    words = [
        *("--models-dir", str(settings.PLACES.models)),
        *("--adapters-dir", str(settings.PLACES.adapters)),
        *("--port", str(settings.LM_PORT)),
        *("--device", settings.LM_DEVICE, "--dtype", settings.LM_DTYPE),
        *built_in,
    ]
    return [
        _program(
            "LM server",
            ["-m", "retro_core.serving", *words],
            ready=partial(answers, "127.0.0.1", settings.LM_PORT, "/health"),
            floor=LM_FLOOR,
            environment=settings.LM_ENVIRONMENT,
            orphan_signal=signal.SIGKILL,
            ready_limit_s=FIRST_MODEL_LIMIT_S,
        )
    ]


def model_server_answers() -> bool:
    """Whether a model server answers where the settings expect the embedded one."""
    return answers("127.0.0.1", settings.LM_PORT, "/health", 0)


def database_answers() -> bool:
    """Whether the embedded database listens at its socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(settings.PLACES.sockets / ".s.PGSQL.5432"))
        except OSError:
            return False
    return True


def model_is_ready() -> bool:
    """Whether the language model was converted before."""
    return any(settings.PLACES.models.glob("*/model.safetensors"))


def workers() -> list[Service]:
    """Workers for episodes, and one each for training, and for exports and imports."""
    episodes = ["--worker-class", "workers.episodes_worker.EpisodesWorker", "--worker-ttl", "45"]
    training = ["--worker-class", "workers.training_worker.TrainingWorker", "--worker-ttl", "45"]
    exchange = ["--worker-class", "workers.exchange_worker.ExchangeWorker", "--worker-ttl", "45"]
    return [
        *(_worker("episodes", episodes, number) for number in range(settings.EPISODE_WORKERS)),
        _worker(
            "training",
            training,
            stop_limit_s=CHECKPOINT_LIMIT_S,
            stop_takes="a training run ends its update and saves a checkpoint",
        ),
        _worker("exchange", exchange),
    ]


def web_server() -> Service:
    """The web server. One process with threads: an idle page costs nothing."""
    words = [
        *("--worker-class", "gthread", "--threads", str(settings.WEB_THREADS)),
        *("--bind", f"{_bracketed(settings.HOST)}:{settings.PORT}"),
        *("--graceful-timeout", "3", "--no-control-socket"),
    ]
    return _program(
        "Web server",
        ["-m", "gunicorn", "webapp.wsgi", *words],
        ready=partial(answers, settings.HOST, settings.PORT, "/static/"),
        orphan_signal=signal.SIGTERM,
    )


def answers(host: str, port: int, path: str, pid: int) -> bool:
    """Whether something at that port answers, without a server error."""
    if host in {"0.0.0.0", "::"}:
        host = "localhost"
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _worker(queue: str, words: list[str], number: int = 0, **rest: Any) -> Service:
    manage = str(settings.BASE_DIR / "manage.py")
    return _program(
        f"Worker {queue} {number + 1}" if number else f"Worker {queue}",
        [manage, "rqworker", queue, "--with-scheduler", *words],
        orphan_signal=signal.SIGKILL,
        **rest,
    )


def _program(name: str, words: list[str], **rest: Any) -> Service:  # `rest` is Service's own
    file_name = name.lower().replace(" ", "-")
    common = {"environment": settings.CHILD_ENVIRONMENT, "floor": PROGRAMS_FLOOR}
    return Service(
        name=name,
        command=(sys.executable, *words),
        log=Path(settings.PLACES.logs) / f"{file_name}.log",
        folder=settings.BASE_DIR,
        **{**common, **rest},
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
