"""Files to and from a host that has no SFTP: by its tar and its shell alone, and so with fewer choices."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.errors import NameRefused, NoSuchFile, ToolMissing, TooMuch, TransferError, WrongKind
from fleetctl.ssh.any_session import AnySession
from fleetctl.ssh.any_shell import sh
from fleetctl.transfer.account import Account
from fleetctl.transfer.archive import ArchiveReader, Data, Member
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.landing import Arriving, Landing
from fleetctl.transfer.names import base, checked, join, parent, stays_inside
from fleetctl.transfer.parts import part_directory
from fleetctl.transfer.plan import Present, Step, plan
from fleetctl.transfer.remote import DEEPEST, MOST_ENTRIES
from fleetctl.transfer.shell import ask
from fleetctl.transfer.tarring import send_tree, tar_pipe
from fleetctl.transfer.tree import Entry

_KIND = 'if [ -d "$1" ]; then echo directory; elif [ -e "$1" ]; then echo file; else echo nothing; fi'
# What is new is in $1, absolute, and goes into $2: directories first, then files, each in one step (rename(2)).
_MERGE = """
cd "$1" || exit
find . -type d -exec sh -c 'for d do mkdir -p "$0/$d" || exit 1; done' "$2" {} + &&
find . ! -type d -exec sh -c 'for f do
if [ -d "$0/$f" ]; then echo "cannot replace the directory $f" >&2; exit 1; fi
mv -f "$f" "$0/$f" || exit 1
done' "$2" {} +
code=$?
cd / && rm -rf "$1"
exit $code
"""
_MERGE_SECONDS = 3600.0
_PACK = 'cd "$1" && exec tar -cf - "./$2"'


def check_choices(choices: Choices, *, more: bool) -> None:
    """Raises: ToolMissing for what cannot be done without SFTP. `more`: so is something besides these."""
    asked = {
        "--update": choices.update,
        "--checksum": choices.checksum,
        "--verify": choices.verify,
        "--resume": choices.resume,
        "--backup": choices.backup,
        "--mkdir": choices.mkdir,
        "--delete": choices.delete,
        "--dry-run": choices.dry,
        "--links follow": choices.links == "follow",
        "what was asked for (owners, globs, filters)": more,
    }
    for option, wanted in asked.items():
        if wanted:
            raise ToolMissing(f"the server has no SFTP, and {option} needs it")


def put_by_tar(
    session: AnySession,
    steps: Sequence[Step],
    path: str,
    single: str,
    flags: Sequence[str],
    account: Account,
    sent: Callable[[int], None],
    cancel: Cancel,
) -> None:
    """Unpack a tree beside its place, then give everything its name.

    Args:
        path: the destination, as for SFTP.
        single: the name of the one source, which may be renamed; "" when there are several.
        sent: told of bytes of files, before they are sent; may wait.

    Raises: TransferError, and what the session raises.
    """
    began = time.monotonic()
    directory, name = _destination(session, path, single, cancel)
    moved = [_renamed(step, single, name) for step in steps]
    absolute = directory if directory.startswith("/") else join(_say(session, "pwd", (), cancel), directory)
    part = join(absolute, part_directory("put"))
    session.doomed(part, cancel)
    _do(session, 'mkdir "$1"', (part,), f"write to {directory}", cancel)
    send_tree(session, moved, "", part, flags, sent, cancel)
    _do(session, _MERGE, (part, absolute), "put the files in place", cancel)
    for step in moved:
        shown = join(directory, step.entry.path)
        match step.entry.kind:
            case "directory":
                account.done("made", shown)
            case "link":
                account.done("linked", shown)
            case _:
                account.done("sent", shown, size=step.entry.size, seconds=time.monotonic() - began)


def _destination(session: AnySession, path: str, single: str, cancel: Cancel) -> tuple[str, str]:
    """The directory that everything goes into, and the name of the single source in it."""
    kind = _say(session, _KIND, (path,), cancel)
    if kind == "directory":
        return path, single
    if path.endswith("/") or not single:
        if kind == "file":
            raise WrongKind(f"{path} is no directory")
        raise NoSuchFile(f"there is no directory {path}")
    if _say(session, _KIND, (parent(path) or ".",), cancel) != "directory":
        raise NoSuchFile(f"there is no directory {parent(path)}")
    return parent(path) or ".", base(path)


def _renamed(step: Step, single: str, name: str) -> Step:
    path = f"{name}{step.entry.path[len(single) :]}" if single else step.entry.path
    return msgspec.structs.replace(step, entry=msgspec.structs.replace(step.entry, path=path))


class Wanted(msgspec.Struct, frozen=True):
    """One file or tree of a host.

    Args:
        source: the remote path.
        path: where it goes; "" for the contents of a directory alone.
        recursive: whether it may be a directory.
    """

    source: str
    path: str
    recursive: bool


def get_by_tar(
    session: AnySession,
    wanted: Wanted,
    landing: Landing,
    account: Account,
    choices: Choices,
    received: Callable[[int], None],
    cancel: Cancel,
) -> None:
    """Fetch one file or tree, each name of it judged as it comes.

    Args:
        received: told of bytes of files; may wait.

    Raises: TransferError, and what the session raises.
    """
    arriving = _Arriving(wanted, landing, account, choices, received)
    source = wanted.source
    words = (parent(source) or ".", base(source) or ".")
    with tar_pipe(session, sh(_PACK, words), cancel) as pipe:
        pipe.end_input()
        try:
            complete = arriving.take(pipe.output())
            ended, complaint = pipe.ended()
        except BaseException:
            arriving.drop()
            raise
    if not complete or ended.exit_code:
        arriving.drop()
        raise TransferError(f"cannot read {source}: {complaint or 'tar gave no reason'}")
    arriving.place()


class _Arriving:
    """The files of one stream, until it is known to be complete."""

    def __init__(
        self, wanted: Wanted, landing: Landing, account: Account, choices: Choices, received: Callable[[int], None]
    ) -> None:
        self._name = base(wanted.source) or "."
        self._wanted = wanted
        self._received = received
        self._landing = landing
        self._account = account
        self._choices = choices
        self._files: list[Arriving] = []
        self._links: list[Step] = []
        self._members = 0

    def take(self, data: Iterator[memoryview]) -> bool:
        """Returns: whether the archive is complete."""
        reader = ArchiveReader()
        file: Arriving | None = None
        place = size = 0
        for piece in data:
            for item in reader.feed(piece):
                if isinstance(item, Member):
                    file, place, size = self._begin(item), 0, item.size
                elif file is not None and isinstance(item, Data):
                    file.write(place, [item.data])
                    self._received(len(item.data))
                    place += len(item.data)
                if file is not None and place == size:
                    self._landing.end(file, size)
                    file = None
        return reader.complete

    def place(self) -> None:
        if self._files:
            self._landing.sync(self._files)
        for one in self._files:
            entry = one.step.entry
            mtime = entry.mtime if self._choices.keeps_times else None
            self._landing.place(one, mtime=mtime, backup=False)
            self._account.done("fetched", self._landing.shown(entry.path), size=entry.size)
        for step in self._links:
            self._landing.link(step, backup=False)
            self._account.done("linked", self._landing.shown(step.entry.path))

    def drop(self) -> None:
        for one in self._files:
            self._landing.drop(one, keep=False)

    def _begin(self, member: Member) -> Arriving | None:
        self._members += 1
        if self._members > MOST_ENTRIES:
            raise TooMuch(f"more than {MOST_ENTRIES:,} files and directories")
        inside = self._inside(member.path)
        path = join(self._wanted.path, inside)
        if member.kind == "directory" and not self._wanted.recursive:
            raise WrongKind(f"{self._wanted.source} is a directory", hint="add -r")
        if not path:
            return None
        entry = Entry(path, member.kind, member.size, member.mtime, member.mode & 0o777, target=member.target)
        (step,) = plan([entry], self._present(path), self._choices, None, lambda _: False, self._landing.shown)
        if step.act == "refuse":
            raise step.why or TransferError(f"{path} is refused")
        if step.act == "make":
            self._landing.make(step)
            self._account.done("made", self._landing.shown(path))
        elif step.act == "link" and self._choices.links == "copy" and stays_inside(inside, member.target):
            self._links.append(step)
        elif step.act == "move" and member.kind == "file":
            self._files.append(self._landing.begin(step, resume=False))
            return self._files[-1]
        elif member.kind == "other" and member.target:
            error = TransferError(f"{path} is a second name of {member.target}, which tar does not send twice")
            self._account.failed(self._landing.shown(path), error)
        elif entry.kind != "directory":
            self._account.done("skipped", self._landing.shown(path), why="a link, or not a regular file")
        return None

    def _present(self, path: str) -> dict[str, Present]:
        there = self._landing.present(path)
        return {} if there is None else {path: there}

    def _inside(self, path: str) -> str:
        """The path of a member below what was asked for. Raises: NameRefused."""
        names = [] if path in {"", "."} else path.split("/")
        if len(names) > DEEPEST:
            raise TooMuch(f"directories deeper than {DEEPEST} levels")
        if self._name != ".":
            if names[:1] != [self._name]:
                raise NameRefused(f"the server sends what was not asked for: {path!r}")
            names = names[1:]
        return "/".join(map(checked, names))


def _say(session: AnySession, script: str, words: Sequence[str], cancel: Cancel) -> str:
    """The last line that a script writes."""
    _, said, _ = ask(session, script, words, cancel)
    return os.fsdecode(said).strip("\n").rpartition("\n")[2]


def _do(session: AnySession, script: str, words: Sequence[str], what: str, cancel: Cancel) -> None:
    """Raises: TransferError with what the script complained of; `what` goes on from "cannot"."""
    code, _, complaint = ask(session, script, words, cancel, seconds=_MERGE_SECONDS)
    if code != 0:
        said = complaint.decode(errors="replace").strip()
        raise TransferError(f"cannot {what}: {said or 'the host gave no reason'}")
