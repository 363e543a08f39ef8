"""What has arrived on a channel and is not read yet, within bounds."""

from __future__ import annotations

from paramiko import SSHException
from paramiko.buffered_pipe import BufferedPipe


class Buffer(BufferedPipe):  # type: ignore[type-arg]  # generic in types-paramiko only
    """paramiko grants a window and never looks whether the server keeps to it."""

    def __init__(self, window_size: int) -> None:
        super().__init__()
        self._most = 2 * window_size

    def feed(self, data: bytes | str) -> None:
        # Called by the thread that reads, so raising ends the connection.
        if len(self) + len(data) > self._most:
            raise SSHException("the server sends more than its window allows")
        super().feed(data)
