"""Output as files, byte for byte: DIR/web01.stdout, and DIR/web01.stderr where there was any."""

from __future__ import annotations

from contextlib import suppress
from io import FileIO
from pathlib import Path
from urllib.parse import quote

from fleetctl.events import Event, HostFinished, HostStarted, Output, RunStarted

_MOST_OPEN = 128


class SavedFiles:
    """Holds a bounded number of files open, for hosts in progress only. Called from one thread.

    What an earlier run left in the directory about the hosts of this one is removed when this one begins.

    Raises: OSError from `show` when a file cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: dict[Path, FileIO] = {}

    def show(self, event: Event) -> None:
        match event:
            case RunStarted(hosts=hosts):
                self._clear(hosts)
            case HostStarted(host=host):
                self._file(self._path(host, "stdout"))
            case Output(host=host, stream=stream, data=data):
                _write_all(self._file(self._path(host, stream)), data)
            case HostFinished(host=host):
                self._close(self._path(host, "stdout"))
                self._close(self._path(host, "stderr"))

    def close(self) -> None:
        """Only after a run that broke off is anything still open; what it wrote has been written."""
        for path in list(self._open):
            with suppress(OSError):
                self._close(path)

    def _path(self, host: str, stream: str) -> Path:
        return self._directory / f"{quote(host, safe='')}.{stream}"

    def _clear(self, hosts: tuple[str, ...]) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        for host in hosts:
            self._path(host, "stdout").unlink(missing_ok=True)
            self._path(host, "stderr").unlink(missing_ok=True)

    def _file(self, path: Path) -> FileIO:
        file = self._open.pop(path, None)
        if file is None:
            if len(self._open) >= _MOST_OPEN:
                self._close(next(iter(self._open)))
            file = FileIO(path, "ab")
        self._open[path] = file  # last: the one that was silent for longest is closed first
        return file

    def _close(self, path: Path) -> None:
        file = self._open.pop(path, None)
        if file is not None:
            file.close()


def _write_all(file: FileIO, data: bytes) -> None:
    """An unbuffered write may take only a part, on a disk that is nearly full."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) or 0 :]
