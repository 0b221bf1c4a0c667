"""What is looked at before anything starts: ports and space, so that the answer is one sentence."""

import shutil
import socket
from pathlib import Path

from retro_core.errors import CannotStart

NEEDED_BYTES = 300_000_000


def check_port(host: str, port: int, *, variable: str) -> None:
    """Refuse a port that another program listens on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as error:
            raise CannotStart(
                f"This account may not use port {port}. Choose one above 1023 with {variable},"
                f" for example `make up {variable}={port + 8000}`."
            ) from error
        except OSError as error:
            raise CannotStart(
                f"Port {port} on {host} cannot be used ({error.strerror}). Choose another with"
                f" {variable}, for example `make up {variable}={min(port + 1, 65535)}`."
            ) from error


def check_space(folder: Path, *, needed: int = NEEDED_BYTES) -> None:
    """A database that meets a full disk half way says less clearly what is wrong."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise CannotStart(
            f"{folder} has {free / 1e6:.0f} MB free, and the studio needs {needed / 1e6:.0f} MB."
            " Free some space, or set STUDIO_DATA_DIR to a folder on another disk."
        )
