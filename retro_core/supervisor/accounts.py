"""Which account PostgreSQL runs under: it refuses to be root, and wants a name for its id."""

import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from retro_core.errors import CannotStart
from retro_core.supervisor.service import SHIM


@dataclass(frozen=True, slots=True)
class Account:
    """`word` is what child.py takes; `owner` is the outer user id when files must change hands."""

    word: str
    owner: int | None = None


def postgres_account(cluster: Path, bin_dir: Path) -> Account:
    """Directly as an ordinary user; as root by a user namespace, else by dropping root.

    Files that already belong to an ordinary user stay with that user.
    """
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return Account("same")
    owner = cluster.stat().st_uid if cluster.exists() else os.geteuid()
    nobody = _unprivileged()
    inside = f"namespace:{nobody.pw_uid}"
    if owner == os.geteuid() and can_run(inside, "/bin/true"):
        return Account(inside)
    person = pwd.getpwuid(owner) if owner != 0 and _has_name(owner) else nobody
    dropped = f"drop:{person.pw_uid}:{person.pw_gid}"
    if os.geteuid() != 0 or not can_run(dropped, "/bin/true"):
        raise CannotStart(
            "PostgreSQL cannot run as this account: it refuses root and accounts without a name,"
            " and this machine allows neither user namespaces nor a change of user. Start the"
            " studio as an ordinary user, or set DATABASE_URL to a running PostgreSQL."
        )
    _check_reach(dropped, person.pw_name, [cluster.parent, bin_dir])
    return Account(dropped, owner=person.pw_uid)


def can_run(word: str, *command: str) -> bool:
    """Whether a child may change to that account here and run this command with success."""
    shim = [sys.executable, "-I", "-S", str(SHIM), str(os.getpid()), "9", word, "--"]
    return subprocess.run([*shim, *command], capture_output=True, check=False).returncode == 0


def _check_reach(word: str, name: str, folders: list[Path]) -> None:
    for folder in folders:
        if not can_run(word, "/usr/bin/test", "-x", str(folder)):
            raise CannotStart(
                f"PostgreSQL does not run as root, and the account {name} cannot enter {folder}."
                " Let it pass (chmod o+x on that folder and those above it), or start the studio"
                " as an ordinary user, or set DATABASE_URL to a running PostgreSQL."
            )


def hand_over(folder: Path, account: Account) -> None:
    """Give a fresh folder to the account that will fill it."""
    if account.owner is not None:
        os.chown(folder, account.owner, -1)


def _unprivileged() -> pwd.struct_passwd:
    for name in ("nobody", "daemon"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise CannotStart("The machine has no account `nobody` that PostgreSQL could run under.")


def _has_name(uid: int) -> bool:
    try:
        return bool(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return False
