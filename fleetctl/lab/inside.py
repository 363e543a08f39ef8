"""A lab inside this process: one thread with an event loop, up as long as a `with` block."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from fleetctl.errors import FleetError, UsageError
from fleetctl.lab.faults import Fault
from fleetctl.lab.layout import ADDRESS, claim, clear, host_names
from fleetctl.lab.replies import Replies
from fleetctl.lab.seen import Seen
from fleetctl.lab.state import held
from fleetctl.model import Secret

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0

_Stop = Callable[[], None]


class Lab:
    """SSH servers on 127.0.0.1, a port each; a context manager that leaves nothing behind.

    Args:
        directory: where everything of it lies; made when it is missing, otherwise empty.
        hosts: how many, or what they are called.
        password: allow logins with a password, too.
        latency: seconds of a round trip to pretend.
        faults: what is wrong, by name of the host: lab01, lab02 …
        replies: what the hosts answer to command lines, of which they run none then; their homes are empty.

    Raises: UsageError when asyncssh is missing, a lab is up in that directory, or a fault fits no host.
    """

    def __init__(
        self,
        directory: Path,
        hosts: int | Sequence[str] = 2,
        *,
        password: bool = False,
        latency: float = 0.0,
        faults: Mapping[str, Fault] | None = None,
        replies: Replies | None = None,
    ) -> None:
        self.directory = directory
        self.hosts = host_names(hosts) if isinstance(hosts, int) else tuple(hosts)
        self.user = getpass.getuser()
        self._with_password = password
        self._latency = latency
        self._faults = dict(faults or {})
        self._replies = replies
        self._seen = {name: Seen() for name in self.hosts}
        self._stack = ExitStack()
        _check(self.hosts, self._faults, password=password)

    def __enter__(self) -> Lab:
        need_asyncssh()
        self._layout = claim(self.directory)
        with ExitStack() as stack:
            stack.enter_context(held(self._layout))
            clear(self._layout, keep=(self._layout.lock, self._layout.log))
            stack.callback(clear, self._layout)
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def inventory(self) -> Path:
        return self._layout.inventory

    @property
    def known_hosts(self) -> Path:
        return self._layout.known_hosts

    @property
    def client_key(self) -> Path:
        """The private key that every host accepts."""
        return self._layout.client_key

    @property
    def password(self) -> Secret | None:
        """What every host accepts, too, where the lab was asked to."""
        return Secret(self._layout.password.read_text().strip()) if self._with_password else None

    def home(self, name: str) -> Path:
        """Where commands start on that host; the root of its SFTP."""
        return self._layout.home(name)

    def host(self, name: str) -> tuple[str, int]:
        """Address and port of a host."""
        return ADDRESS, self._seen[name].port

    def attempts(self, name: str) -> int:
        """Logins tried there so far: passwords, and keys, each key once per connection."""
        return self._seen[name].attempts

    def connections(self, name: str) -> int:
        """TCP connections accepted there so far, those that a fault closed at once included."""
        return self._seen[name].connections

    def _start(self, stack: ExitStack) -> None:
        ready: Future[_Stop] = Future()
        executor = ThreadPoolExecutor(1, thread_name_prefix="lab")
        ended = executor.submit(self._serve, ready.set_result)
        stack.callback(_end, executor, ready, ended)
        either: tuple[Future[Any], ...] = (ready, ended)
        wait(either, _START_SECONDS, FIRST_COMPLETED)
        if not ready.done():
            ended.result(0)

    def _serve(self, ready: Callable[[_Stop], None]) -> None:
        from fleetctl.lab.servers import Wishes, serve

        wishes = Wishes(self._layout, self._with_password, self._latency, self._faults, self._replies)
        serve(wishes, self._seen, ready)


def need_asyncssh() -> None:
    """Raises: UsageError when what the lab is made of is not installed."""
    if find_spec("asyncssh") is None:
        raise UsageError("the lab needs asyncssh, which is not installed", hint="pip install 'fleetctl[lab]'")


def _end(executor: ThreadPoolExecutor, ready: Future[_Stop], ended: Future[None]) -> None:
    if ready.done() and not ended.done():
        ready.result(0)()
    wait((ended,), _STOP_SECONDS)
    if not ended.done():
        raise FleetError("the lab's thread does not end")
    executor.shutdown()
    if ready.done():
        ended.result(0)


def _check(hosts: tuple[str, ...], faults: Mapping[str, Fault], *, password: bool) -> None:
    if not hosts:
        raise UsageError("a lab has at least one host")
    strangers = sorted(set(faults) - set(hosts))
    if strangers:
        raise UsageError(f"a fault is given for {strangers[0]}, which is no host of this lab")
    unproven = [name for name, fault in faults.items() if "password" in fault.admits and not password]
    if unproven:
        raise UsageError(f"{unproven[0]} asks for a password and the lab has none", hint="give password=True")
