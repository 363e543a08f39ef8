"""The user that tests log in as: a lean one of their own when root, whoever runs them otherwise.

Root's login shell may source slow files; a new user with /bin/sh costs a tenth per command.
"""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import processes
from tests.support.secrecy import secret

_LOCK_TRIES = 20


@dataclass(frozen=True)
class Account:
    """A local user; `password` is "" when it is not known, and only keys can be used."""

    user: str
    home: str
    password: str = ""


@contextmanager
def local_account(kind: str = "", shell: str = "/bin/sh") -> Iterator[Account]:
    """A user for one test session; a user made for it is removed at the end, and so is its home.

    Args:
        kind: tells it from other users of the session.
    """
    if os.geteuid() != 0:
        yield Account(getpass.getuser(), str(Path.home()))
        return
    home = tempfile.mkdtemp(prefix="fleettest-home-")
    account = Account(f"fleettest-{kind}{os.getpid()}", home, secret(f"password of the {kind or 'test'} user"))
    try:
        _add(account, shell)
        yield account
    finally:
        _remove(account)
        shutil.rmtree(home)


def _add(account: Account, shell: str) -> None:
    _administer("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", account.home,
                "--shell", shell, account.user)  # fmt: skip
    _administer("chpasswd", text=f"{account.user}:{account.password}\n")
    shutil.chown(account.home, account.user, account.user)


def _remove(account: Account) -> None:
    try:
        uid = pwd.getpwnam(account.user).pw_uid
    except KeyError:
        return
    processes.end(processes.owned_by(uid))
    _administer("userdel", "--force", account.user)


def _administer(*command: str, text: str = "") -> None:
    """Run one of the programs that lock /etc/passwd, again while another test session holds the lock."""
    for _ in range(_LOCK_TRIES):
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
        if "try again later" not in done.stderr:
            break
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")
