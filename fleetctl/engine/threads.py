"""The engine whose workers are threads of this process: `fanout` of them, never more than there are hosts."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Several

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.engine.brake import Brake
from fleetctl.engine.endings import ending
from fleetctl.engine.ledger import settle
from fleetctl.engine.perform import perform
from fleetctl.engine.question import Question
from fleetctl.engine.task import Task
from fleetctl.errors import Cancelled, FleetError
from fleetctl.events import (
    Event,
    HostFinished,
    HostStarted,
    Outcome,
    Output,
    Progress,
    StepFinished,
    StepStarted,
    Stream,
    Transferred,
)
from fleetctl.jobs.sequence import Sequence
from fleetctl.model import Host
from fleetctl.operations import Context
from fleetctl.operations.meeting import Agree, Meeting, nobody_agrees
from fleetctl.ssh.pool import Pool
from fleetctl.ssh.stream.feeding import Stdin
from fleetctl.transfer.once import Once
from fleetctl.transfer.shared import Shared

_QUEUED_EVENTS = 128
_JOIN_SECONDS = 10.0
_LOOK_SECONDS = 0.5
_GRACE_SECONDS = 3.0
"""How long a cancelled worker may take: a name look-up, for one, cannot be interrupted."""


class ThreadEngine:
    """Works in threads of this process.

    Args:
        pool: where sessions come from; closed by its owner.
        stdin: what the operation may read on each host.
        shared: what the hosts have in common where files are moved.
        agree: asks the user, where a job does.
    """

    def __init__(
        self, pool: Pool, stdin: Stdin | None = None, shared: Shared | None = None, agree: Agree = nobody_agrees
    ) -> None:
        self._pool = pool
        self._stdin = stdin
        self._shared = shared or Shared()
        self._agree = agree

    def run(self, task: Task, cancel: Cancel, brake: Brake) -> Iterator[Event]:
        """See `Engine.run`."""
        shared = msgspec.structs.replace(self._shared, gathered=Once())  # a later batch reads it anew
        work = _Work(task, self._pool, cancel, brake, self._stdin, shared, self._agree)
        yield from settle([host.name for host in task.hosts], work.events(), work.unfinished)


class _Work:
    """One run of a task: the hosts still to do, the workers, and the bounded queue that they fill."""

    def __init__(
        self,
        task: Task,
        pool: Pool,
        cancel: Cancel,
        brake: Brake,
        stdin: Stdin | None,
        shared: Shared,
        agree: Agree,
    ) -> None:
        self._task = task
        self._pool = pool
        self._cancel = cancel
        self._brake = brake
        self._stdin = stdin
        self._shared = shared
        self._agree = agree
        self._meeting = self._meeting_of_hosts()
        self._started = time.monotonic()
        self._hosts: queue.SimpleQueue[Host] = queue.SimpleQueue()
        self._happened: queue.Queue[Several[Event] | Question | None] = queue.Queue(_QUEUED_EVENTS)
        self._busy = 0

    def events(self) -> Iterator[Event]:
        """What the workers report, until all of them are done or, after a cancel, had time to be."""
        for host in self._task.hosts:
            self._hosts.put(host)
        workers, failure = self._workers()
        try:
            yield from self._reports()
        except BaseException as error:  # KeyboardInterrupt, for one, comes to whoever waits in the main thread
            if isinstance(error, GeneratorExit) or not self._cancel.is_set():
                self._cancel.set("the run was abandoned")
                for _ in self._reports():
                    pass
            raise
        finally:
            for worker in workers:
                worker.join(_JOIN_SECONDS if not self._busy else 0)
        if failure is not None:
            raise failure

    def unfinished(self, host: str, begun: bool) -> HostFinished:
        """The end of a host that no worker reported."""
        return HostFinished(host=host, outcome=ending(self._cancel, self._brake, begun=begun), at=self._now())

    def _meeting_of_hosts(self) -> Meeting | None:
        """Where they wait for each other; None where they do not."""
        operation = self._task.operation
        if not isinstance(operation, Sequence) or not operation.meets:
            return None
        names = [host.name for host in self._task.hosts]
        return Meeting(names, self._task.policy.fanout, self._cancel, self._brake, self._asked)

    def _asked(self, question: str, cancel: Cancel) -> bool:
        put = Question(question)
        self._happened.put(put)
        return put.answer(cancel)

    def _workers(self) -> tuple[list[threading.Thread], FleetError | None]:
        """As many as are allowed, or as the system gives; one for each host where hosts wait for each other.

        Returns: them, and why they do not do, if it gives none, or fewer than hosts that wait for each other.
        """
        workers: list[threading.Thread] = []
        hosts = len(self._task.hosts)
        failure: FleetError | None = None
        for number in range(hosts if self._meeting else min(self._task.policy.fanout, hosts)):
            worker = threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            try:
                worker.start()
            except RuntimeError as error:
                if not workers or self._meeting:
                    failure = _too_few_threads(error)
                if workers and failure is not None:
                    self._cancel.set(failure.message)
                break
            workers.append(worker)
        self._busy = len(workers)
        return workers, failure

    def _reports(self) -> Iterator[Event]:
        give_up = float("inf")
        while self._busy and time.monotonic() < give_up:
            try:
                events = self._happened.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                events = None
            else:
                if events is None:
                    self._busy -= 1
            if isinstance(events, Question):
                events.ask(self._agree, self._cancel)
            elif events is not None:
                yield from events
            elif self._cancel.afterwards.guarding:
                give_up = float("inf")  # what runs on hosts is being ended, which has a clock of its own
            elif self._cancel.is_set():
                give_up = min(give_up, time.monotonic() + _GRACE_SECONDS)

    def _work(self) -> None:
        try:
            while self._meeting is not None or not self._is_over():
                host = self._hosts.get_nowait()
                if self._meeting is None:
                    self._do(host)
                else:
                    self._do_among_others(host, self._meeting)
        except queue.Empty:
            return
        finally:
            self._happened.put(None)

    def _is_over(self) -> bool:
        """Whether no further host begins."""
        return self._cancel.is_set() or bool(self._brake.reason)

    def _do_among_others(self, host: Host, meeting: Meeting) -> None:
        """Those that wait for this host need not any more when it is done, or will not begin."""
        try:
            with meeting.seat():
                if not self._is_over():
                    self._do(host)
        except Cancelled:
            return  # before it had a seat: see `unfinished`
        finally:
            meeting.leave(host.name)

    def _do(self, host: Host) -> None:
        def emit(stream: Stream, data: bytes) -> None:
            self._happened.put([Output(host=host.name, stream=stream, data=data, at=self._now())])

        def report(events: Iterable[Transferred | Progress | StepStarted | StepFinished]) -> None:
            now = self._now()
            self._happened.put([msgspec.structs.replace(event, at=now) for event in events])

        self._happened.put([HostStarted(host=host.name, at=self._now())])
        context = Context(host, emit, report, self._cancel, self._shared, self._stdin, self._meeting)
        outcome = perform(self._task, self._pool, context)
        if not self._cancel.is_set():  # what is cut off then is no failure of the host
            self._note(host, outcome)
        self._happened.put([HostFinished(host=host.name, outcome=outcome, at=self._now())])

    def _note(self, host: Host, outcome: Outcome) -> None:
        if self._meeting is None:
            self._brake.note(outcome)
        else:  # which may know it already
            self._meeting.ended(host.name, outcome)

    def _now(self) -> float:
        return time.monotonic() - self._started


def _too_few_threads(error: RuntimeError) -> FleetError:
    failure = FleetError(f"cannot begin: {error}", hint="raise `ulimit -u`")
    failure.__cause__ = error
    return failure
