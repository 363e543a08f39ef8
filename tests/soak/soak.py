"""Many commands on a hundred hosts that fail at random, in one process: each event is accounted for, nothing grows.

python -m tests.soak.soak [SEED]: 20,000 commands, of which some 2,000 end with their connection.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fleetctl.cancel import Cancel
from fleetctl.engine.task import Policy
from fleetctl.events import Event, HostFinished, HostStarted, Output, RunFinished, RunStarted
from fleetctl.fleet import Fleet
from fleetctl.inventory import load
from fleetctl.model import Host, HostKeyPolicy, Login, Secret
from fleetctl.operations.command import Command
from fleetctl.publishing import publish
from tests.soak.fates import ENDS, fate
from tests.support import holding

HOSTS = 100
ROUNDS = 200
_FANOUT = 32
_STOP_SECONDS = 60.0
_MOST_GROWTH = 12 * 1024 * 1024
_BESIDE_SESSIONS = 10
"""Threads, or descriptors, that are not those of a session."""


@dataclass
class Accounts:
    """A consumer of events that judges each: nothing may be missing, twice, of another host, or out of turn."""

    seed: int
    number: int
    hosts: frozenset[str]
    said: dict[str, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    begun: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    seen: int = 0
    over: bool = False

    def show(self, event: Event) -> None:
        assert not self.over
        assert event.seq == self.seen
        self.seen += 1
        match event:
            case RunStarted(hosts=hosts):
                assert self.hosts == set(hosts)
            case HostStarted(host=host):
                assert host in self.hosts - self.begun
                self.begun.add(host)
            case Output(host=host, data=data):
                assert host in self.begun - self.ended
                self.said[host] += data
            case HostFinished(host=host, outcome=outcome):
                assert host in self.begun - self.ended
                self.ended.add(host)
                expected = fate(self.seed, host, self.number)
                found = (outcome.status, outcome.error.code if outcome.error else "")
                assert found == ENDS[expected.kind], (host, self.number, outcome)
                assert bytes(self.said.pop(host, b"")) == expected.said
            case RunFinished(counts=counts):
                assert self.ended == self.hosts
                assert sum(counts.values()) == len(self.hosts)
                self.over = True
            case _:
                raise AssertionError(event)

    def close(self) -> None:
        assert self.over


@dataclass(frozen=True)
class Soaked:
    """What it came to, and what the process held after its first rounds and in the end."""

    commands: int
    resets: int
    reconnects: int
    seconds: float
    first_bytes: int
    last_bytes: int
    most_threads: int
    most_descriptors: int


def soak(rounds: int, seed: int, hosts: int = HOSTS) -> Soaked:
    """Run `rounds` commands on each host. Raises: AssertionError when anything is not as it should be."""
    began = time.monotonic()
    held = holding.Most()
    with holding.nothing_left_behind(), _server(seed) as server:
        fleet_hosts = [_host(number, server.port) for number in range(hosts)]
        names = frozenset(host.name for host in fleet_hosts)
        policy = Policy(fanout=_FANOUT, retries=8)
        with Cancel() as cancel, Fleet(load([]), policy=policy, keep=hosts) as fleet:
            for number in range(rounds):
                accounts = Accounts(seed, number, names)
                result = publish(fleet.start(Command(f"soak {number}"), fleet_hosts, cancel), [accounts], cancel)
                assert result.outcomes.keys() == names
                held.look(settled=number >= rounds // 4)
        seen = server.stop()
    fates = [fate(seed, host, number).kind for host in names for number in range(rounds)]
    assert seen["commands"] == len(fates)  # none was begun twice
    assert seen["resets"] == fates.count("reset")
    reconnects = seen["connections"] - seen["turned away"] - hosts
    assert held.threads <= hosts + _BESIDE_SESSIONS
    assert held.descriptors <= hosts + 3 * _BESIDE_SESSIONS
    assert held.last_bytes - held.first_bytes < _MOST_GROWTH
    return Soaked(
        len(fates), seen["resets"], reconnects, time.monotonic() - began,
        held.first_bytes, held.last_bytes, held.threads, held.descriptors,
    )  # fmt: skip


@dataclass
class _Server:
    process: subprocess.Popen[str]
    port: int

    def stop(self) -> dict[str, int]:
        """Returns: what it has seen."""
        said, _ = self.process.communicate(timeout=_STOP_SECONDS)
        seen: dict[str, int] = json.loads(said)
        return seen


@contextmanager
def _server(seed: int) -> Iterator[_Server]:
    command = [sys.executable, "-m", "tests.soak.server", str(seed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield _Server(process, int(process.stdout.readline()))
        finally:
            process.kill()


def _host(number: int, port: int) -> Host:
    name = f"h{number:03}"
    login = Login(name, password=Secret("anything will do"))
    return Host(name, "127.0.0.1", login, port, host_key_policy=HostKeyPolicy.OFF)


def main() -> None:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1_000_000)
    print(f"seed {seed}", flush=True)
    done = soak(ROUNDS, seed)
    cpu = os.times()
    print(f"{done.commands} commands and {done.reconnects} reconnects on {HOSTS} hosts in {done.seconds:.0f} s")
    print(f"{cpu.user + cpu.system:.0f} s of CPU here, {cpu.children_user + cpu.children_system:.0f} s in the server")
    print(f"memory {done.first_bytes / 1e6:.1f} MB after a quarter, {done.last_bytes / 1e6:.1f} MB in the end")
    print(f"at most {done.most_threads} threads and {done.most_descriptors} descriptors between rounds")


if __name__ == "__main__":
    main()
