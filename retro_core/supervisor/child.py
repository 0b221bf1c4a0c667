"""Becomes one command that ends with its parent: `child.py PARENT SIGNAL ACCOUNT -- COMMAND...`.

Run by path with nothing but the standard library, so that it costs milliseconds. ACCOUNT is
`same`, `namespace:UID` (a user namespace in which this process is UID) or `drop:UID:GID`.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result: int) -> None:
    """Raise the C library's error of a failed call."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def enter_namespace(uid: int) -> None:
    """Appear as `uid` to itself, and stay who it is to the rest of the machine."""
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    check(LIBC.unshare(CLONE_NEWUSER))
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {outer_uid} 1"),
        ("gid_map", f"{uid} {outer_gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)


def drop_to(uid: int, gid: int) -> None:
    """Give up root for good."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def become(account: str) -> None:
    """Change to the account that the command is to run under."""
    kind, *ids = account.split(":")
    if kind == "namespace":
        enter_namespace(int(ids[0]))
    elif kind == "drop":
        drop_to(int(ids[0]), int(ids[1]))


def end_with_parent(parent: int, signal_number: int) -> None:
    """Ask for a signal at the parent's death; a change of account would forget the wish."""
    check(LIBC.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0))
    if os.getppid() != parent:
        os._exit(1)  # it ended first, so its signal will never come


if __name__ == "__main__":
    parent_text, signal_text, account_text, _, *command = sys.argv[1:]
    become(account_text)
    end_with_parent(int(parent_text), int(signal_text))
    os.execvpe(command[0], command, os.environ)  # noqa: TID251
