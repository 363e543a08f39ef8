"""A run as a Python script has it: its events as they come, and at the end how each host's part ended and what it said.

The fleet makes runs; see `Fleet.run` and its like.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.events import ErrorFacts, Event, HostFinished, Outcome, Output, RunStarted, Status, StepFinished, Stream
from fleetctl.interruption import Interruption
from fleetctl.publishing import Published, Result
from fleetctl.views import Consumer
from fleetctl.views.reasons import reason

MOST_KEPT = 256 * 1024
"""Bytes of each stream of each host that a result holds: the first ones."""

Begin = Callable[[Cancel], Iterator[Event]]
"""Makes the events of a run."""


class HostResult(msgspec.Struct, frozen=True):
    """How one host's part ended, and what it said.

    Args:
        stdout, stderr: what it wrote, as it is; of each the first 256 KiB. All of it comes as events.
        truncated: there was more.
        steps: how the steps of a job ended, by name and in order.
    """

    outcome: Outcome
    stdout: str = ""
    stderr: str = ""
    truncated: bool = False
    steps: Mapping[str, StepFinished] = {}

    @property
    def ok(self) -> bool:
        return self.outcome.status is Status.OK

    @property
    def status(self) -> Status:
        return self.outcome.status

    @property
    def exit_code(self) -> int | None:
        """None where there was none."""
        return self.outcome.exit_code

    @property
    def why(self) -> str:
        """Why it is not ok, in a few words: `exit 3`, `unreachable: connection refused by …`; "" where it is."""
        return reason(self.outcome)

    @property
    def error(self) -> ErrorFacts | None:
        """Why it is not ok, where there is more to say than the exit code."""
        return self.outcome.error


class RunResult:
    """What has come of a run: all of it, once it is over.

    Args:
        hosts: by name, those that have ended, in that order.
    """

    def __init__(self, run: str, hosts: Mapping[str, HostResult], ended: Result) -> None:
        self.run = run
        self.hosts = hosts
        self._ended = ended

    def __getitem__(self, host: str) -> HostResult:
        return self.hosts[host]

    def __repr__(self) -> str:
        return f"<RunResult {self.run}: {len(self.hosts) - len(self.failed)} of {len(self.hosts)} ok>"

    @property
    def ok(self) -> bool:
        """Whether `fleetctl` would exit with 0: all hosts are ok, and nothing stopped the run."""
        return self._ended.ok

    @property
    def failed(self) -> dict[str, HostResult]:
        """The hosts that are not ok, whatever kept them from it."""
        return {name: host for name, host in self.hosts.items() if not host.ok}

    @property
    def exit_code(self) -> int:
        """What `fleetctl` would exit with."""
        return self._ended.exit_code()

    @property
    def stopped(self) -> str:
        """Why the run ended before all hosts were begun, or "": called off, stopped by failures or by a check."""
        return self._ended.cancelled or self._ended.stopped


class Run:
    """An operation on many hosts. Nothing is done until its first event, or its result, is asked for.

        for event in run: ...       # as they come
        result = run.result()       # or wait for the end

    Who leaves the loop early calls the run off: what is under way on hosts is ended there first. So does Ctrl-C in the
    main thread, where nobody else handles it: KeyboardInterrupt is raised when all hosts have ended, and the result
    says how. For one thread; `call_off` is for any.
    """

    def __init__(self, begin: Begin, consumers: Sequence[Consumer] = ()) -> None:
        self._begin = begin
        self._consumers = consumers
        self._cancel = Cancel()
        self._interruption = Interruption(self._cancel)
        self._events: Iterator[Event] | None = None
        self._heard: dict[str, _Heard] = {}
        self._hosts: dict[str, HostResult] = {}
        self._run = ""
        self._published = Published(consumers, self._cancel)
        self._over = False

    def __iter__(self) -> Iterator[Event]:
        try:
            while (event := self._next()) is not None:
                yield event
        finally:
            self.close()

    def __del__(self) -> None:
        if self._events is None and not self._over:
            warnings.warn("a run was never begun: loop over it, or ask for its result()", RuntimeWarning, stacklevel=2)

    def result(self) -> RunResult:
        """Wait for the end. Raises: what has kept the run as a whole from being done."""
        for _ in self:
            pass
        return RunResult(self._run, self._hosts, self._published.result)

    def call_off(self, reason: str = "called off") -> None:
        """Ends it soon, with an outcome for each host; may be called from any thread."""
        self._cancel.set(reason)

    def close(self) -> None:
        """Call it off if it is not over, and wait until the hosts have ended."""
        if self._over:
            return
        try:
            if self._events is not None:
                self._cancel.set("the run was abandoned")
                while self._next() is not None:
                    pass
        finally:
            self._end()

    def _next(self) -> Event | None:
        """Raises: KeyboardInterrupt behind the last event, when it was called off by that."""
        if self._over:
            return None
        try:
            with self._interruption.held():
                if self._events is None:
                    self._events = self._begin(self._cancel)
                event = next(self._events, None)
        except BaseException:
            self._cancel.set("the run was abandoned")
            self._end()
            raise
        if event is not None:
            self._take(event)
            return event
        self._end()
        self._interruption.check()
        return None

    def _end(self) -> None:
        self._over = True
        with self._cancel:
            self._published.close()

    def _take(self, event: Event) -> None:
        self._published.show(event)
        match event:
            case RunStarted():
                self._run = event.run
            case Output():
                self._heard.setdefault(event.host, _Heard()).take(event.stream, event.data)
            case StepFinished():
                self._heard.setdefault(event.host, _Heard()).steps[event.step] = event
            case HostFinished():
                self._hosts[event.host] = self._heard.pop(event.host, _Heard()).result(event.outcome)


class _Heard:
    """The beginning of what a host says, and how its steps end."""

    def __init__(self) -> None:
        self._kept: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._truncated = False
        self.steps: dict[str, StepFinished] = {}

    def take(self, stream: Stream, data: bytes) -> None:
        kept = self._kept[stream]
        room = MOST_KEPT - len(kept)
        kept += data[:room]
        self._truncated |= len(data) > room

    def result(self, outcome: Outcome) -> HostResult:
        said = {stream: bytes(kept).decode(errors="replace") for stream, kept in self._kept.items()}
        return HostResult(outcome, said["stdout"], said["stderr"], self._truncated, self.steps)
