"""Many small files as one tar stream: no round trip for each, where the other side has a tar.

A tree that is new on a host is unpacked beside its place and renamed when it is complete. What comes from a host
is taken only if it was asked for, under the name that it was asked by.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import takewhile

from fleetctl.cancel import Cancel
from fleetctl.errors import ChannelRefused, NoSpace, RequestRefused, SourceChanged, ToolMissing, TransferError
from fleetctl.ssh.any_session import AnySession
from fleetctl.ssh.any_shell import sh
from fleetctl.ssh.session import CommandPipe
from fleetctl.transfer.archive import ArchiveReader, Data, Member, ending, header, padding
from fleetctl.transfer.batches import SMALL
from fleetctl.transfer.landing import Arriving, Landing
from fleetctl.transfer.names import parent
from fleetctl.transfer.plan import Step
from fleetctl.transfer.system import local
from fleetctl.transfer.upload import check_still, open_source

FEWEST = 32
"""Fewer files are not worth a stream of their own."""
_PIECE = 256 * 1024
_OPEN_TO_OWNER = 0o700

# The mark is the last member: only with it is the archive complete, for some tars take a cut stream as an end.
_UNPACK = """
part=$1 mark=$2
[ -d "$part" ] || exit 3
trap 'rm -rf "$part"' EXIT
trap 'exit 1' HUP INT TERM PIPE
shift 2
case " $* " in *' -p '*) ;; *) [ "$(id -u)" != 0 ] || set -- "$@" --no-same-permissions ;; esac
tar "$@" -xof - -C "$part" && [ -f "$part/$mark" ] && rm -f "$part/$mark" && trap - EXIT && echo complete
"""
_PACK = 'cd "$1" && exec tar -cf - --null -T -'


def suits_tar(steps: Sequence[Step]) -> bool:
    """Whether there are many files, and small ones: large ones lose nothing by requests, and can be resumed."""
    sizes = [step.entry.size for step in steps if step.act == "move"]
    return len(sizes) >= FEWEST and sum(sizes) <= SMALL * len(sizes)


def send_tree(
    session: AnySession,
    steps: Sequence[Step],
    top: str,
    part: str,
    flags: Sequence[str],
    sent: Callable[[int], None],
    cancel: Cancel,
) -> None:
    """Unpack a tree into the empty directory `part` on the host, complete or not at all: then it is removed.

    Args:
        steps: what is in the tree, parents first.
        top: the path that their paths begin with; "" for none.
        flags: for the tar there, besides -x.
        sent: told of bytes of files, before they are sent; may wait.

    Raises: ToolMissing when there is no tar that does it, TransferError, and what the session raises.
    """
    mark = f".complete-{secrets.token_hex(8)}"
    with tar_pipe(session, sh(_UNPACK, (_operand(part), mark, *flags)), cancel) as pipe:
        try:
            for piece in _in_pieces(_archive(steps, top, mark, sent)):
                pipe.send(piece)
        except EOFError:
            pass  # it has ended before its time, and says below why
        except TransferError:
            pipe.end_input()  # without the mark, so that nothing stays there
            b"".join(pipe.output())
            raise
        pipe.end_input()
        said = b"".join(pipe.output())
        ended, complaint = pipe.ended()
    if ended.exit_code == 0 and said.split()[-1:] == [b"complete"]:
        return
    if "no space" in complaint.lower() or "quota" in complaint.lower():
        raise NoSpace("cannot unpack the files there: no space left", hint="make room, then run it again")
    raise ToolMissing(f"the host's tar does not do it: {complaint or 'it gave no reason'}", hint="--via sftp")


@contextmanager
def tar_pipe(session: AnySession, command: str, cancel: Cancel) -> Iterator[CommandPipe]:
    """As `Session.pipe`. Raises: ToolMissing when the host runs no commands."""
    try:
        with session.pipe(command, cancel) as pipe:
            yield pipe
    except (ChannelRefused, RequestRefused) as error:
        raise ToolMissing(f"the host does not run tar: {error.message}", hint="--via sftp") from error


def _archive(steps: Sequence[Step], top: str, mark: str, sent: Callable[[int], None]) -> Iterator[bytes]:
    size = 0
    skip = len(top) + 1 if top else 0
    for step in steps:
        for piece in _member(step, step.entry.path[skip:], sent):
            size += len(piece)
            yield piece
    last = header(mark, "file")
    yield last
    yield ending(size + len(last))


def _member(step: Step, path: str, sent: Callable[[int], None]) -> Iterator[bytes]:
    entry = step.entry
    if not path:
        return  # the top itself is made there
    if entry.kind == "file":
        descriptor = open_source(entry)
        try:
            yield header(path, "file", size=entry.size, mode=step.mode, mtime=entry.mtime)
            place = 0
            while place < entry.size:
                with local(f"read {entry.origin}"):
                    piece = os.pread(descriptor, min(_PIECE, entry.size - place), place)
                if not piece:
                    raise SourceChanged(f"{entry.origin} shrank while it was read", hint="run it again")
                sent(len(piece))
                yield piece
                place += len(piece)
            check_still(entry, descriptor)
        finally:
            os.close(descriptor)
        yield padding(entry.size)
    elif entry.kind == "directory":
        yield header(path, "directory", mode=step.mode | _OPEN_TO_OWNER, mtime=entry.mtime)
    else:
        yield header(path, "link", mode=0o777, mtime=entry.mtime, target=entry.target)


def _in_pieces(data: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer and larger pieces."""
    held: list[bytes] = []
    size = 0
    for piece in data:
        held.append(piece)
        size += len(piece)
        if size >= _PIECE:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def receive_files(
    session: AnySession,
    steps: Sequence[Step],
    landing: Landing,
    received: Callable[[int], None],
    cancel: Cancel,
) -> list[Arriving]:
    """Fetch files in one stream, each to its temporary name.

    Returns: those that came whole. None at all when the host's tar could not read them all, or there is none: it may
        have filled up with zeros what it could not read.
    Raises: ToolMissing when the host runs no commands, TransferError when they cannot be written here, and what the
        session raises.
    """
    above = _common([step.entry.origin for step in steps])
    if above is None:
        return []
    asked = {step.entry.origin[len(above) :].lstrip("/"): step for step in steps}
    arrived: list[Arriving] = []
    done = False
    try:
        with tar_pipe(session, sh(_PACK, (_operand(above),)), cancel) as pipe:
            try:
                pipe.send(b"".join(b"./%b\0" % os.fsencode(path) for path in asked))
                pipe.end_input()
            except EOFError:
                pass  # it has ended before its time
            complete = _unpack(pipe.output(), asked, landing, arrived, received)
            ended, _ = pipe.ended()
        done = complete and ended.exit_code == 0
    finally:
        if not done:
            for one in arrived:
                landing.drop(one, keep=False)
    return arrived if done else []


def _unpack(
    data: Iterator[memoryview],
    asked: Mapping[str, Step],
    landing: Landing,
    arrived: list[Arriving],
    received: Callable[[int], None],
) -> bool:
    """Returns: whether the archive is complete."""
    reader = ArchiveReader()
    open_one: Arriving | None = None
    place = size = 0
    for piece in data:
        for item in reader.feed(piece):
            if isinstance(item, Member):
                step = asked.get(item.path) if item.kind == "file" else None
                open_one = landing.begin(step, resume=False) if step is not None else None
                place, size = 0, item.size
                if open_one is not None:
                    arrived.append(open_one)
            elif isinstance(item, Data) and open_one is not None:
                open_one.write(place, [item.data])
                received(len(item.data))
                place += len(item.data)
            if open_one is not None and place == size:
                landing.end(open_one, size)
                open_one = None
    return reader.complete


def _common(sources: Sequence[str]) -> str | None:
    """The directory that all of them are below, as it is written; "" is the one a session begins in.

    None where some begin there and some do not: a name could then stand for two files.
    """
    if len({source.startswith("/") for source in sources}) > 1:
        return None
    directories = [parent(source).split("/") for source in sources]
    pairs = zip(min(directories), max(directories), strict=False)  # what these begin with, all between them do
    common = [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    return "/".join(common) or ("/" if sources[0].startswith("/") else "")


def _operand(path: str) -> str:
    """A path that no program takes for an option."""
    return path if path.startswith("/") else f"./{path}"
