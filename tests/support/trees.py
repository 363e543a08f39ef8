"""Trees of files for tests: written from a table, given to a user, and taken down to be compared."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

Seen = dict[bytes, tuple[str, int, int, bytes]]
"""Kind, permission bits, whole seconds of the modification time, and content or where a link leads; by path."""

LONG_AGO = 1_500_000_000


def plant(top: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below `top`; a name with `/` at its end is a directory, and content that begins with `-> ` a link.

    Everything belongs to the owner of the directory that `top` is in. Returns: `top`.
    """
    for directory in {top, *((top / name).parent for name in files)}:
        directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = top / name
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        elif isinstance(content, str) and content.startswith("-> "):
            path.symlink_to(content.removeprefix("-> "))
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    give(top, top.parent)
    return top


def give(top: Path, like: Path) -> None:
    """Make a tree belong to who owns `like`."""
    owner = like.stat()
    for path in (top, *_below(top)):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def seen(top: Path, *, times: bool = True) -> Seen:
    """All that is below a directory, and itself as `b"."`. Without `times` all of them are 0."""
    return {os.fsencode(path.relative_to(top)): _look(path, times=times) for path in (top, *_below(top))}


def names(top: Path) -> list[str]:
    """The paths of all that is below a directory, sorted."""
    return sorted(str(path.relative_to(top)) for path in _below(top))


def texts(top: Path) -> dict[str, str]:
    """The content of every file below a directory, by its path."""
    return {os.fsdecode(path): data.decode() for path, (kind, _, _, data) in seen(top).items() if kind == "file"}


def parts(top: Path) -> list[str]:
    """What looks unfinished, or put aside for a moment."""
    return [name for name in names(top) if name.endswith(".part") or ".complete-" in name]


def age(path: Path, seconds: int = LONG_AGO) -> Path:
    """Set the modification time. Returns: the path."""
    os.utime(path, (seconds, seconds), follow_symlinks=False)
    return path


def empty(directory: Path) -> None:
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _below(top: Path) -> Iterator[Path]:
    for directory, directories, files in os.walk(top):
        yield from (Path(directory, name) for name in (*directories, *files))


def _look(path: Path, *, times: bool) -> tuple[str, int, int, bytes]:
    found = path.lstat()
    mtime = int(found.st_mtime) if times else 0
    if stat.S_ISLNK(found.st_mode):
        return "link", 0, 0, os.fsencode(path.readlink())
    if stat.S_ISDIR(found.st_mode):
        return "directory", stat.S_IMODE(found.st_mode), mtime, b""
    return "file", stat.S_IMODE(found.st_mode), mtime, path.read_bytes()
