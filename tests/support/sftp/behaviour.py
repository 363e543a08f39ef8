"""How an SFTP server for tests can be told to do otherwise than OpenSSH's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from tests.support.sftp.wire import OPENSSH, Named, Request, Status


class SessionEnds(Exception):
    """Raised by a hook: the channel is closed, as when an sftp-server dies."""


class ConnectionEnds(Exception):
    """Raised by a hook: the whole connection is closed."""


Before = Callable[[Request], Status | None]
"""Is asked before a request is done; a status refuses it."""
Bend = Callable[[Request, bytes], bytes]
"""Makes of the packet that answers a request, with its length in front, the bytes to be sent; b"" is no answer."""


def _as_it_is(path: str) -> str:
    return path


def _all(path: str, entries: Iterable[Named]) -> Iterable[Named]:
    return entries


@dataclass(frozen=True)
class Behaviour:
    """What a server does otherwise than OpenSSH's. Ready-made hooks are in bends.py.

    Attributes:
        sftp: there is an SFTP subsystem.
        runs: commands are run.
        lacks: programs that are not in the PATH of commands, such as `tar`.
        greeting: what the login shell prints in front of all that goes out.
        chatter: what it prints in front of what commands say, and not of SFTP.
        extensions: those it announces and takes, of OPENSSH.
        largest_packet: bytes; a longer request ends the session, or fails.
        largest_read: bytes that a read gives at most, whatever was announced.
        gathers: answers to the first so many requests of the kinds `gathered` are held back until all of them
            wait, and then given last first; given up when nothing comes for 5 s.
        where: the path that is meant by one.
        names: what a directory lists, of what it has; is asked with the path that was opened.
        bait: what can be read where nothing is.
    """

    sftp: bool = True
    runs: bool = True
    lacks: tuple[str, ...] = ()
    greeting: bytes = b""
    chatter: bytes = b""
    extensions: tuple[str, ...] = OPENSSH
    largest_packet: int = 256 * 1024
    too_long: Literal["ends", "fails"] = "ends"
    largest_read: int = 255 * 1024
    gathers: int = 1
    gathered: tuple[str, ...] = ("read",)
    where: Callable[[str], str] = _as_it_is
    names: Callable[[str, Iterable[Named]], Iterable[Named]] = _all
    bait: bytes | None = None
    before: tuple[Before, ...] = ()
    bends: tuple[Bend, ...] = ()
