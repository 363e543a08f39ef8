"""A pool whose sessions do what a test says, so that engines can be tried without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from fleetctl.cancel import Cancel
from fleetctl.model import Host, Login
from fleetctl.ssh.pool import Pool
from fleetctl.ssh.session import Ended, Session
from fleetctl.ssh.stream.hearing import Receive

Play = Callable[[str, Receive, Cancel], Ended]
"""What running a command does: the host's name, where output goes, the flag."""


class _Played:
    timings: dict[str, float] = {}
    alive = True

    def __init__(self, host: str, play: Play) -> None:
        self._host = host
        self._play = play

    def run(self, _command: str, receive: Receive, cancel: Cancel, **_settings: Any) -> Ended:
        return self._play(self._host, receive, cancel)


class PlayedPool:
    """Stands in for Pool. `connect` is called first and may raise; `dialled` counts by host."""

    def __init__(self, play: Play, connect: Callable[[str], None] = lambda host: None) -> None:
        self._play = play
        self._connect = connect
        self.dialled: list[str] = []

    @contextmanager
    def session(self, host: Host, _cancel: Cancel) -> Iterator[Session]:
        self.dialled.append(host.name)
        self._connect(host.name)
        yield cast("Session", _Played(host.name, self._play))


def as_pool(played: PlayedPool) -> Pool:
    return cast("Pool", played)


def hosts(count: int) -> tuple[Host, ...]:
    return tuple(Host(f"h{number:03}", "127.0.0.1", Login("nobody")) for number in range(count))
