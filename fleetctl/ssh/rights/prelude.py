"""What is said on a channel before the other user's command begins, told apart from what the command says.

Two marks that nobody can know enclose it: our own script writes the first, the other user's shell the second, with
the numbers of its process, and of the group and session of that, behind it. What
comes before is noise of start-up files, what lies between are the words of sudo, su or doas, and what comes after is
never looked at, so no output can pass for a question.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from enum import Enum

import msgspec

from fleetctl.errors import ElevationDenied
from fleetctl.events import Stream

_MOST_SAID = 64 * 1024
_MOST_PLACE = 64
_END_OF_PLACE = b"."


class Mark(msgspec.Struct, frozen=True):
    """A word in two halves. A message that quotes the command line has them apart, so it does not hold the word."""

    first: str
    second: str

    @classmethod
    def new(cls) -> Mark:
        return cls(f"fleetctl-{secrets.token_hex(8)}", secrets.token_hex(8))

    def __str__(self) -> str:
        return self.first + self.second


class Prelude:
    """For one thread. Give it everything that is heard, by `hear`.

    Args:
        start: the mark that is written before.
        began: the mark that is written when the command begins.
        question: what a question for the password looks like.
        streams: where both marks are written; the numbers on the first.
    """

    def __init__(self, start: Mark, began: Mark, question: re.Pattern[bytes], streams: Sequence[Stream]) -> None:
        self._start = str(start).encode()
        self.mark = began
        """Also among the words of its command line, in two halves."""
        self._began = str(began).encode()
        self._question = question
        self._parts: dict[Stream, _Part] = dict.fromkeys(streams, _Part.NOISE)
        self._held: dict[Stream, bytes] = dict.fromkeys(streams, b"")
        """The end of what came on each, in which a mark may have begun."""
        self._numbered = streams[0]
        self.place: tuple[int, ...] = ()
        """The numbers, as many as the host knows."""
        self._said = bytearray()
        self._answered = 0
        self.rest: list[tuple[Stream, bytes]] = []
        """What the command itself has written already."""

    @property
    def started(self) -> bool:
        return any(part is not _Part.NOISE for part in self._parts.values())

    @property
    def begun(self) -> bool:
        return all(part is _Part.COMMAND for part in self._parts.values())

    @property
    def asks(self) -> bool:
        """Whether a password is asked for, and that was not `answered`."""
        return not self.begun and self._question.search(self._said, self._answered) is not None

    @property
    def waits(self) -> bool:
        """Whether it is our turn."""
        return self.begun or self.asks

    @property
    def on_terminal(self) -> bool:
        """Whether all comes on one stream."""
        return len(self._parts) == 1

    @property
    def was_answered(self) -> bool:
        return self._answered > 0

    def answered(self) -> None:
        """What was asked is settled; a further question is another one."""
        self._answered = len(self._said)

    @property
    def said(self) -> str:
        """All that lies between the marks, on both streams, as it came."""
        return self._said.decode(errors="replace")

    @property
    def said_since(self) -> str:
        """What was said since it was `answered`, up to a further question."""
        question = self._question.search(self._said, self._answered)
        return self._said[self._answered : question.start() if question else None].decode(errors="replace")

    def hear(self, stream: Stream, data: bytes) -> None:
        """Raises: ElevationDenied when it goes on and on."""
        if stream not in self._parts:
            return
        if self._parts[stream] is _Part.NOISE:
            data = self._after_start(stream, data)
        if self._parts[stream] is _Part.WORDS:
            data = self._after_began(stream, data)
        if self._parts[stream] is _Part.PLACE:
            data = self._after_place(stream, data)
        if self._parts[stream] is _Part.COMMAND and data:
            self.rest.append((stream, data))

    def _after_start(self, stream: Stream, data: bytes) -> bytes:
        _, mark, after = (self._held[stream] + data).partition(self._start)
        if not mark:
            self._held[stream] = (self._held[stream] + data)[1 - len(self._start) :]
            return b""
        self._parts[stream], self._held[stream] = _Part.WORDS, b""
        return after

    def _after_began(self, stream: Stream, data: bytes) -> bytes:
        held = self._held[stream]
        before, mark, after = (held + data).partition(self._began)
        self._said += before[len(held) :]
        if len(self._said) > _MOST_SAID:
            raise ElevationDenied("there is no end of what is said before the command", hint="try it by hand")
        if not mark:
            self._held[stream] = before[1 - len(self._began) :]
            return b""
        self._parts[stream], self._held[stream] = _Part.PLACE if stream == self._numbered else _Part.COMMAND, b""
        return after

    def _after_place(self, stream: Stream, data: bytes) -> bytes:
        numbers, end, after = (self._held[stream] + data).partition(_END_OF_PLACE)
        if not end:
            self._held[stream] = numbers[:_MOST_PLACE]
            return b""
        self._parts[stream] = _Part.COMMAND
        self.place = tuple(int(number) for number in numbers.split() if number.isdigit())
        return after


class _Part(Enum):
    NOISE = "noise"
    WORDS = "words"
    PLACE = "place"
    COMMAND = "command"
