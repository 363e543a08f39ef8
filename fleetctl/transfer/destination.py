"""Where files go on a host: what the user wrote, and what it turns out to be there. The rules are scp's and rsync's."""

from __future__ import annotations

import msgspec

from fleetctl.errors import NoSuchFile, ServerFailure, TransferError, WrongKind
from fleetctl.ssh.sftp.client import Sftp, Steps
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.names import join, parent
from fleetctl.transfer.patterns import Filter
from fleetctl.transfer.remote import at_home, look, look_at_link

OPEN_TO_OWNER = 0o700
"""What a directory is made with besides its mode, until all that goes into it is there."""


class Destination(msgspec.Struct, frozen=True):
    """Where files go on each host.

    Args:
        path: as it was written.
        single: the name of the one source, which may be renamed; "" when there are several, or contents alone.
        contents: a source's contents go into the destination itself, as rsync has it for `dir/`.
        mode: permission bits for all files; None leaves them as they are.
        owner: `user`, `user:group` or `:group`; "" leaves it.
        filter: what it leaves out is not deleted either.
    """

    path: str
    single: str = ""
    contents: bool = False
    mode: int | None = None
    owner: str = ""
    filter: Filter = Filter()


class Place(msgspec.Struct, frozen=True):
    """What the destination turned out to be on a host.

    Args:
        directory: what goes there goes into this directory; "" when `renamed` is set.
        renamed: the path that the single source is to have.
        exists: whether `directory` is there already.
    """

    single: str
    directory: str = ""
    renamed: str = ""
    exists: bool = True

    def of(self, path: str) -> str:
        """The place of an entry, by its path in the tree."""
        return f"{self.renamed}{path[len(self.single) :]}" if self.renamed else join(self.directory, path)


def find_place(sftp: Sftp, destination: Destination, choices: Choices) -> Place:
    """Decide what a destination means on a host, and make the directories above it if that was asked for.

    Raises: NoSuchFile, WrongKind, and other kinds of TransferError.
    """
    path = at_home(destination.path)
    single = destination.single
    into = path.endswith("/") or not single
    there = sftp.run(look(sftp, path))
    if there is not None and there.kind == "directory":
        return Place(single, directory=path)
    if there is not None and into:
        raise WrongKind(f"{path} is no directory")
    if into:
        _need(sftp, parent(path) if destination.contents else path, choices)
        return Place(single, directory=path.rstrip("/") or "/", exists=not destination.contents)
    above = parent(path)
    if above:
        _need(sftp, above, choices)
    return Place(single, renamed=_real(sftp, path) if there is not None else path)


def _real(sftp: Sftp, path: str) -> str:
    """Where a link that the user named leads: the file there is replaced, as scp does, and not the link."""
    itself = sftp.run(look_at_link(sftp, path))
    if itself is None or itself.kind != "link":
        return path
    return sftp.name(sftp.result(sftp.realpath(path)))


def _need(sftp: Sftp, directory: str, choices: Choices) -> None:
    """It has to be there, or is made with --mkdir. Raises: NoSuchFile, WrongKind."""
    if not directory:
        return
    directory = directory.rstrip("/") or "/"  # of what is no directory, `name/` is told as missing
    there = sftp.run(look(sftp, directory))
    if there is not None and there.kind != "directory":
        raise WrongKind(f"{directory} is no directory")
    if there is not None:
        return
    if not choices.mkdir:
        raise NoSuchFile(f"there is no directory {directory}", hint="--mkdir makes it")
    above = parent(directory)
    if above and above != directory:
        _need(sftp, above, choices)
    if not choices.dry:
        make_directory(sftp, directory)


def make_directory(sftp: Sftp, path: str) -> None:
    """Make it, unless somebody else does so just now: hosts of one run may be one machine. Raises: TransferError."""
    error = sftp.run(made(sftp, path))
    if error is not None:
        raise error


def made(sftp: Sftp, path: str, mode: int | None = None) -> Steps[TransferError | None]:
    """The same as a piece of work. Returns: why it failed."""
    ticket = sftp.mkdir(path, mode)
    yield ticket
    try:
        sftp.expect_ok(ticket)
    except ServerFailure as error:
        there = yield from look(sftp, path)
        return None if there is not None and there.kind == "directory" else error
    except TransferError as error:
        return error
    return None
