"""What a connection is made over: a TCP connection (wire.py), a tunnel through a bastion, or a proxy command."""

from __future__ import annotations

from typing import Protocol


class Way(Protocol):
    """The bytes of a connection to a server, as paramiko's Transport and our packet layer take them.

    One thread reads; any thread may send, abort or close. What is not said here is said of `Wire`.
    """

    @property
    def ended(self) -> str:
        """Why it ended, as far as that is known on this side; else ""."""

    @property
    def standing(self) -> str:
        """What there is to tell of it while it stands and nothing comes; else ""."""

    @property
    def pending(self) -> int: ...

    @property
    def round_trip(self) -> float: ...

    def recv(self, size: int) -> bytes: ...

    def ahead(self, size: int) -> memoryview: ...

    def skip(self, size: int) -> None: ...

    def send(self, data: bytes) -> int: ...

    def send_all(self, data: memoryview) -> None: ...

    def settimeout(self, seconds: float | None) -> None: ...

    def abort(self) -> None: ...

    def close(self) -> None: ...
