"""What sudo and doas let a test user do, for one test: their files are made for it and removed."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.running import Ran

Run = Callable[..., Ran]
_SUDOERS = Path("/etc/sudoers.d")
_PAM = Path("/etc/pam.d")
_DOAS = Path("/etc/doas.conf")
_LOCK = Path("/run/lock/fleettest-doas")


def why_no_privileges() -> str:
    """Why tests with sudo cannot run here, or "" when they can."""
    if os.geteuid() != 0:
        return "what sudo allows can only be set by root"
    if shutil.which("sudo") is None or not _SUDOERS.is_dir():
        return "sudo is not installed: `sh .ci/need sudo` installs it or says how"
    return ""


def denial(ran: Ran) -> dict[str, Any]:
    """The error of the one host, to which sudo must have been refused, with `-o json`."""
    (host,) = ran.json["hosts"]
    assert host["status"] == "denied", host
    assert host["error"]["code"] == "elevation-denied"
    assert host["error"]["hint"]
    found: dict[str, Any] = host["error"]
    return found


class Sudoers:
    """The rules for one user; each call replaces them. `{user}` stands for the user's name.

    sudo reads no file whose name has a dot.
    """

    def __init__(self, user: str) -> None:
        self._user = user
        self._path = _SUDOERS / f"zz-{user}"

    def __call__(self, *lines: str) -> None:
        self._path.touch(mode=0o440)
        self._path.write_text("".join(f"{line.format(user=self._user)}\n" for line in lines))

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


@contextmanager
def pam_service(name: str, *lines: str) -> Iterator[str]:
    """A service of that name, for `Defaults pam_service=…`."""
    path = _PAM / name
    path.write_text("".join(f"{line}\n" for line in lines))
    try:
        yield name
    finally:
        path.unlink()


@contextmanager
def doas_rules(*lines: str) -> Iterator[None]:
    """Lines of doas.conf, of which a machine has only one; test sessions take turns."""
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = _DOAS.read_text() if _DOAS.exists() else None
        _DOAS.touch(mode=0o400)
        _DOAS.write_text("".join(f"{line}\n" for line in lines))
        try:
            yield
        finally:
            if before is None:
                _DOAS.unlink()
            else:
                _DOAS.write_text(before)
