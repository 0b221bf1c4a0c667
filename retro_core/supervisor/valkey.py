"""The embedded Valkey: the broker, on a unix socket, with an append-only file."""

import socket
from pathlib import Path

from retro_core.supervisor.places import Places
from retro_core.supervisor.service import Service

CLEAN_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin"}


def valkey_service(places: Places, program: Path, *, durable: bool = True) -> Service:
    """The broker as a child. A power cut may lose jobs: the database is the truth."""
    address = places.sockets / "valkey.sock"
    sockets = ["--port", "0", "--unixsocket", str(address), "--unixsocketperm", "700"]
    lasting = ["--appendonly", "yes" if durable else "no", "--appendfsync", "everysec"]
    rest = ["--dir", str(places.valkey), "--save", "", "--daemonize", "no"]

    def prepare() -> None:
        places.make_sockets()
        places.valkey.mkdir(parents=True, exist_ok=True)
        address.unlink(missing_ok=True)

    return Service(
        name="Valkey",
        command=(str(program), *sockets, *lasting, *rest),
        log=places.logs / "valkey.log",
        environment=CLEAN_ENVIRONMENT,
        ready=lambda pid: answers(address),
        before_start=prepare,
    )


def answers(address: Path) -> bool:
    """Whether the broker has loaded its file and answers PING."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1.0)
            client.connect(str(address))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
    except (FileNotFoundError, ConnectionError, TimeoutError):
        return False
