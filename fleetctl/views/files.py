"""Output as files, byte for byte: DIR/web01.stdout, and DIR/web01.stderr where there was any."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from fleetctl.events import Event, HostFinished, HostStarted, Output


class SavedFiles:
    """Holds files open for hosts in progress only. Called from one thread.

    Raises: OSError from `show` when a file cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: dict[tuple[str, str], BinaryIO] = {}

    def show(self, event: Event) -> None:
        match event:
            case HostStarted(host=host):
                self._file(host, "stdout")
            case Output(host=host, stream=stream, data=data):
                self._file(host, stream).write(data)
            case HostFinished(host=host):
                self._close(host)

    def close(self) -> None:
        for host in {host for host, _ in self._open}:
            self._close(host)

    def _file(self, host: str, stream: str) -> BinaryIO:
        if (host, stream) not in self._open:
            self._directory.mkdir(parents=True, exist_ok=True)
            name = f"{quote(host, safe='')}.{stream}"
            self._open[host, stream] = (self._directory / name).open("wb", buffering=0)
        return self._open[host, stream]

    def _close(self, host: str) -> None:
        for stream in ("stdout", "stderr"):
            file = self._open.pop((host, stream), None)
            if file is not None:
                file.close()
