"""Removing files and whole directories on a host over SFTP; never through a link."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fleetctl.errors import TransferError
from fleetctl.ssh.sftp.client import Sftp, Steps
from fleetctl.transfer.names import checked, join
from fleetctl.transfer.remote import DEEPEST, WIDTH, listing

Removed = tuple[str, TransferError | None]


def remove_remote(sftp: Sftp, paths: Mapping[str, str]) -> Iterator[Removed]:
    """Remove what is at some paths, given with their kinds. Yields: each of them, and why it could not be removed."""
    files = [path for path, kind in paths.items() if kind != "directory"]
    yield from sftp.drive((_removed(sftp, path) for path in files), WIDTH)
    for path, kind in paths.items():
        if kind == "directory":
            yield _remove_tree(sftp, path)


def _remove_tree(sftp: Sftp, top: str) -> Removed:
    """Its files level by level on the way down, its directories on the way up. Returns: the first failure, if any."""
    levels = [[top]]
    failure: TransferError | None = None
    while levels[-1] and len(levels) <= DEEPEST:
        below: list[str] = []
        files: list[str] = []
        for place, inside, error in sftp.drive((_inside(sftp, path) for path in levels[-1]), WIDTH):
            failure = failure or error
            for name, kind in inside:
                (below if kind == "directory" else files).append(join(place, name))
        for _, error in sftp.drive((_removed(sftp, path) for path in files), WIDTH):
            failure = failure or error
        levels.append(below)
    for level in reversed(levels):
        for ticket in [sftp.rmdir(path) for path in level]:
            try:
                sftp.expect_ok(sftp.result(ticket))
            except TransferError as error:
                failure = failure or error
    return top, failure


def _inside(sftp: Sftp, place: str) -> Steps[tuple[str, list[tuple[str, str]], TransferError | None]]:
    try:
        names = yield from listing(sftp, place)
        return place, [(checked(name), attributes.kind) for name, attributes in names], None
    except TransferError as error:
        return place, [], error


def _removed(sftp: Sftp, path: str) -> Steps[Removed]:
    ticket = sftp.remove(path)
    yield ticket
    try:
        sftp.expect_ok(ticket)
    except TransferError as error:
        return path, error
    return path, None
