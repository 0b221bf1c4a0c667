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


def postgres_account(data: Path) -> Account:
    """Directly as an ordinary user; as root by a user namespace, else by dropping root.

    Files that already belong to an ordinary user stay with that user.
    """
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return Account("same")
    owner = data.stat().st_uid if data.exists() else os.geteuid()
    nobody = _unprivileged()
    if owner == os.geteuid() and works(f"namespace:{nobody.pw_uid}"):
        return Account(f"namespace:{nobody.pw_uid}")
    uid = owner if owner != 0 and _has_name(owner) else nobody.pw_uid
    word = f"drop:{uid}:{pwd.getpwuid(uid).pw_gid}"
    if os.geteuid() == 0 and works(word):
        return Account(word, owner=uid)
    raise CannotStart(
        "PostgreSQL cannot run as this account: it refuses root and accounts without a name, and"
        " this machine allows neither user namespaces nor a change of user. Start the studio as an"
        " ordinary user, or set DATABASE_URL to a running PostgreSQL."
    )


def works(word: str) -> bool:
    """Whether a child may change to that account here and still run programs."""
    shim = [sys.executable, "-I", "-S", str(SHIM), str(os.getpid()), "9", word, "--"]
    probe = subprocess.run([*shim, "/bin/true"], capture_output=True, check=False)
    return probe.returncode == 0


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
