"""What happened and is not written yet, between the thread that shows a run and the one that writes it down.

Putting something in costs next to nothing and wakes nobody: the writer looks a few times a second. When it cannot keep
up, whoever puts waits, so that memory stays flat.
"""

from __future__ import annotations

import threading

from fleetctl.events import Event, Output, StepFinished, StepResult

_FULL = 8 * 1024 * 1024
_HURRY = _FULL // 2
_LOOK_SECONDS = 1.0
_EVENT_SIZE = 200
"""What an event without output counts for."""


class Inbox:
    """For one thread that puts and one that takes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._events: list[Event] = []
        self._size = 0
        self._closed = False

    def put(self, event: Event) -> None:
        """Waits while it is full. What comes after the end is dropped."""
        size = _EVENT_SIZE + _held(event)
        with self._changed:
            while self._size >= _FULL and not self._closed:
                self._changed.wait(_LOOK_SECONDS)
            if self._closed:
                return
            self._events.append(event)
            self._size += size
            if self._size >= _HURRY:
                self._changed.notify_all()

    def take(self, seconds: float) -> list[Event]:
        """What has come within so many seconds; sooner when it is much, or the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._size >= _HURRY, seconds)
            taken, self._events = self._events, []
            self._size = 0
            self._changed.notify_all()
            return taken

    @property
    def closed(self) -> bool:
        with self._changed:
            return self._closed

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _held(event: Event) -> int:
    """Bytes, more or less, of what a host said in it."""
    match event:
        case Output(data=data):
            return len(data)
        case StepFinished(result=StepResult() as result):
            return _length(result)
        case _:
            return 0


def _length(result: StepResult) -> int:
    return len(result.stdout) + len(result.stderr) + sum(map(_length, result.results))
