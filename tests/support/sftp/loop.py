"""The conversation of an SFTP server that can be bent to do wrong.

As OpenSSH's it says no more than the name of a code when something fails.
"""

from __future__ import annotations

import errno
import os
import struct
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

from paramiko import Channel

from tests.support.sftp.behaviour import Behaviour, SessionEnds
from tests.support.sftp.files import Files
from tests.support.sftp.wire import (
    BAD_MESSAGE,
    FAILURE,
    INIT,
    NO_SUCH_FILE,
    PERMISSION_DENIED,
    UNSUPPORTED,
    VERSION,
    Answer,
    Asked,
    Request,
    framed,
    status,
    string,
    understood,
)

_PATIENCE_SECONDS = 5.0
_CODES = {
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP), NO_SUCH_FILE),
    **dict.fromkeys((errno.EPERM, errno.EACCES, errno.EFAULT), PERMISSION_DENIED),
    **dict.fromkeys((errno.ENAMETOOLONG, errno.EINVAL), BAD_MESSAGE),
    errno.ENOSYS: UNSUPPORTED,
}


@dataclass
class Record:
    """What all sessions of a server were asked for, in order."""

    requests: list[Request] = field(default_factory=list)
    deepest: int = 0
    sessions: int = 0
    _turns: dict[str, int] = field(default_factory=dict)
    _moved: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> int:
        with self._lock:
            self.sessions += 1
            return self.sessions

    def note(self, request: Request) -> Request:
        with self._lock:
            turn = self._turns[request.kind] = self._turns.get(request.kind, 0) + 1
            noted = replace(request, nth=len(self.requests) + 1, turn=turn, moved=self._moved)
            self._moved += request.length
            self.requests.append(noted)
            return noted

    def note_depth(self, waiting: int) -> None:
        with self._lock:
            self.deepest = max(self.deepest, waiting)


def serve(channel: Channel, root: Path, behaviour: Behaviour, record: Record) -> None:
    """One SFTP session, until it ends. Raises: ConnectionEnds, when a hook does."""
    files = Files(root, behaviour)
    try:
        _Conversation(channel, files, behaviour, record).go_on()
    except (SessionEnds, EOFError, OSError):
        return  # it is over, one way or the other
    finally:
        files.close()


class _Conversation:
    def __init__(self, channel: Channel, files: Files, behaviour: Behaviour, record: Record) -> None:
        self._channel = channel
        self._files = files
        self._behaviour = behaviour
        self._record = record
        self._session = record.begin()
        self._gathers = behaviour.gathers
        self._held: list[bytes] = []

    def go_on(self) -> None:
        self._channel.sendall(self._behaviour.greeting)
        packet = self._packet()
        if packet[0] != INIT:
            raise SessionEnds
        extensions = b"".join(string(os.fsencode(name)) + string(b"1") for name in self._behaviour.extensions)
        self._channel.sendall(framed(VERSION, struct.pack(">I", 3) + extensions))
        while True:
            self._answer(self._packet())

    def _packet(self) -> bytes:
        (size,) = struct.unpack(">I", self._exactly(4))
        if size > self._behaviour.largest_packet and self._behaviour.too_long == "ends":
            raise SessionEnds
        return self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            parts.append(self._some(size))
            size -= len(parts[-1])
        return b"".join(parts)

    def _some(self, size: int) -> bytes:
        self._channel.settimeout(_PATIENCE_SECONDS if self._held else None)
        try:
            data = self._channel.recv(size)
        except TimeoutError:
            self._release()
            return self._some(size)
        if not data:
            raise EOFError
        return data

    def _answer(self, packet: bytes) -> None:
        asked = understood(packet, self._files.path_of)
        request = self._record.note(replace(asked.request, session=self._session))
        kind, payload = self._outcome(replace(asked, request=request), len(packet))
        answer = framed(kind, struct.pack(">I", request.number) + payload)
        for bend in self._behaviour.bends:
            answer = bend(request, answer)
        if request.kind in self._behaviour.gathered and self._gathers > 1:
            self._hold(answer)
        else:
            self._channel.sendall(answer)

    def _outcome(self, asked: Asked, size: int) -> Answer:
        if size > self._behaviour.largest_packet:
            return status(FAILURE)
        for before in self._behaviour.before:
            if (refusal := before(asked.request)) is not None:
                return status(refusal)
        try:
            return self._files.do(asked)
        except OSError as error:
            return status(_CODES.get(error.errno or 0, FAILURE))
        except ValueError:  # a NUL in a name
            return status(NO_SUCH_FILE)

    def _hold(self, answer: bytes) -> None:
        self._held.append(answer)
        self._record.note_depth(len(self._held))
        if len(self._held) == self._gathers:
            self._release()

    def _release(self) -> None:
        self._gathers = 1
        held, self._held = self._held, []
        self._channel.sendall(b"".join(reversed(held)))
