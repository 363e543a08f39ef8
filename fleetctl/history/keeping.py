"""How much of what a host says is kept: all of it up to a size; above that its beginning and its end.

What lies between is counted, and the whole of it goes to a file beside the database, as far as there is room.
Of the steps of a job each has an end of its own that is kept, so that none seems to have said nothing.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from fleetctl.events import HostFinished, Output, StepFinished, StepStarted, Stream, Transferred
from fleetctl.history import pieces
from fleetctl.history.masking import Mask, StreamMask
from fleetctl.history.place import Place, append_private, make_private
from fleetctl.history.steps import StepKeeper

HEAD = 256 * 1024
"""Bytes of a host's output, both streams together, that are kept in the order in which they came."""
TAIL = 64 * 1024
"""Bytes of its end that are kept when there is more; what came between is left out."""
TAILS = 512 * 1024
"""Bytes of all such ends, where a host goes through the steps of a job."""
_LEAST_TAIL = 4096
"""When these are spent, of each further step so much is kept."""
FULL_TEXTS = 1024**3
"""Bytes of full texts that one run may leave."""

_TRANSFER_SIZE = 150
"""What a file that was moved counts for, besides its name."""
STREAMS: tuple[Stream, ...] = ("stdout", "stderr")


class FullTexts:
    """The files of one run, and whether there is still room for them."""

    def __init__(self, place: Place, run: str) -> None:
        self._place = place
        self._run = run
        self.size = 0
        self._failed = False

    def append(self, host: str, stream: Stream, data: bytes) -> bool:
        """Returns: whether it could be written, and all before it."""
        if self._failed or self.size + len(data) > FULL_TEXTS:
            self._failed = True  # a text with a gap would be taken for whole
            return False
        try:
            make_private(self._place.outputs(self._run))
            append_private(self.path(host, stream), data)
        except OSError:
            self._failed = True
            return False
        self.size += len(data)
        return True

    def remove(self, host: str) -> None:
        """Nothing of this host's was left out after all."""
        for stream in STREAMS:
            path = self.path(host, stream)
            if path.exists():
                self.size -= path.stat().st_size
                path.unlink()

    def length(self, host: str, stream: Stream) -> int:
        """Bytes that are written."""
        path = self.path(host, stream)
        return path.stat().st_size if path.exists() else 0

    def path(self, host: str, stream: Stream) -> Path:
        return self._place.output(self._run, host, stream)


class HostKeeper:
    """What is kept of one host.

    Args:
        texts: where what is too long goes.
    """

    def __init__(self, host: str, mask: Mask, texts: FullTexts) -> None:
        self._host = host
        self._steps = StepKeeper(mask)
        self._texts = texts
        self._streams: dict[Stream, StreamMask] = {}
        self._room = HEAD
        self._head: list[Output] = []
        self._tail: deque[Output] = deque()
        self._tail_size = 0
        self._tails_left = TAILS
        self._left_out: Counter[Stream] = Counter()
        self._omitted = 0
        self._unlisted = 0
        self._is_cut = False
        self._is_whole = True

    @property
    def omitted(self) -> int:
        """Bytes of output that are kept in no database."""
        return self._omitted

    @property
    def mask(self) -> Mask:
        """With all the secrets that have come up."""
        return self._steps.mask

    def keep(self, events: Iterable[pieces.Happened]) -> list[pieces.Kept]:
        """What of it is to be kept now."""
        return [kept for event in pieces.merged(events) for kept in self._kept(event)]

    def finish(self, event: HostFinished) -> list[pieces.Kept]:
        """What else, when nothing more comes."""
        at, seq = event.at, event.seq
        kept: list[pieces.Kept] = [*self._closed(at, seq)]
        if not self._omitted:
            self._texts.remove(self._host)
        if self._unlisted:
            line = f"[fleetctl: {self._unlisted:,} more files are not listed]\n".encode()
            kept.append(Output(host=self._host, stream="stderr", data=line, at=at, seq=seq))
        return kept

    def _closed(self, at: float, seq: int) -> Iterator[Output]:
        """The rest of what was said in a step, or at all, when it is over."""
        for stream, mask in self._streams.items():
            if rest := mask.rest():
                yield from self._output(Output(host=self._host, stream=stream, data=rest, at=at, seq=seq))
        self._streams.clear()
        if self._tail:
            yield from self._end()

    def _border(self, event: StepStarted | StepFinished) -> Iterator[pieces.Kept]:
        """What lies before a step and behind it stays there."""
        yield from self._closed(event.at, event.seq)
        if self._is_cut:
            for stream in STREAMS:
                size = self._texts.length(self._host, stream)
                yield pieces.Spooled(self._host, stream, size, event.seq)

    def _kept(self, event: pieces.Happened) -> Iterator[pieces.Kept]:
        match event:
            case Output(stream=stream):
                mask = self._streams.setdefault(stream, StreamMask(self.mask))
                if data := mask.feed(event.data):
                    yield from self._output(msgspec.structs.replace(event, data=data))
            case Transferred(path=path):
                self._room -= _TRANSFER_SIZE + len(path)
                if self._room > 0 or event.error is not None:
                    yield self.mask.record(event)
                else:
                    self._unlisted += 1
            case StepStarted():
                yield from self._border(event)
                yield event
            case StepFinished():
                yield from self._border(event)
                yield self._steps.kept(event)
            case _:
                yield event

    def _output(self, event: Output) -> Iterator[Output]:
        head, rest = event.data[: max(0, self._room)], event.data[max(0, self._room) :]
        self._room -= len(event.data)
        if head:
            kept = msgspec.structs.replace(event, data=head)
            self._head.append(kept)
            yield kept
        if rest:
            self._cut(msgspec.structs.replace(event, data=rest))

    def _cut(self, event: Output) -> None:
        if not self._is_cut:
            self._is_cut = True
            for begun in self._head:
                self._spool(begun)
            self._head.clear()
        self._spool(event)
        self._tail.append(event)
        self._tail_size += len(event.data)
        while self._tail_size - len(self._tail[0].data) >= self._most_of_tail:
            gone = self._tail.popleft()
            self._leave_out(gone.stream, len(gone.data))

    @property
    def _most_of_tail(self) -> int:
        return max(_LEAST_TAIL, min(TAIL, self._tails_left))

    def _spool(self, event: Output) -> None:
        self._is_whole = self._texts.append(self._host, event.stream, event.data) and self._is_whole

    def _leave_out(self, stream: Stream, size: int) -> None:
        self._left_out[stream] += size
        self._omitted += size
        self._tail_size -= size

    def _end(self) -> list[Output]:
        """What is kept of the end, and a word on what is missing before it."""
        if (too_much := self._tail_size - self._most_of_tail) > 0:
            first = self._tail.popleft()
            self._leave_out(first.stream, too_much)
            self._tail.appendleft(msgspec.structs.replace(first, data=first.data[too_much:]))
        end = list(self._tail)
        if self._left_out:
            stream = max(self._left_out, key=self._left_out.__getitem__)
            files = [self._texts.path(self._host, one) for one in self._left_out]
            said = gap(self._left_out.total(), files, whole=self._is_whole)
            end.insert(0, msgspec.structs.replace(end[0], stream=stream, data=said))
        self._tails_left -= self._tail_size
        self._tail.clear()
        self._tail_size = 0
        self._left_out.clear()
        return end


def gap(size: int, files: Iterable[Path], *, whole: bool) -> bytes:
    """A line of its own in the place of what is left out."""
    there = " and ".join(str(file) for file in files if file.exists())
    text = (
        f"{'all of it is' if whole else 'as much as there was room for is'} in {there}" if there else "it is not kept"
    )
    return f"\n[fleetctl: {size:,} bytes are left out here; {text}]\n".encode(errors="surrogateescape")
