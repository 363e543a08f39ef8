"""The background process: a lab that is up until it gets a signal to end."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

import msgspec

from fleetctl.lab import answer, state
from fleetctl.lab.background import Order
from fleetctl.lab.inside import Lab
from fleetctl.lab.layout import Layout
from fleetctl.lab.state import LabState


def main() -> int:
    order = msgspec.json.decode(sys.argv[1], type=Order)
    if os.fork():
        return 0
    os.setsid()  # a session whose leader has ended is what a cancelled command leaves behind
    os.chdir("/")
    _allow_many_descriptors()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    with ExitStack() as stack:
        try:
            _bring_up(order, stack)
        except Exception as error:  # noqa: BLE001 - nobody is above us, and who started us waits for a word
            answer.give(answer.why_not(error), order.ready)
            return 1
        answer.give(answer.UP, order.ready)
        ended.wait()
    return 0


def _bring_up(order: Order, stack: ExitStack) -> None:
    lab = Lab(Path(order.directory), order.hosts, password=order.password, latency=order.latency)
    stack.enter_context(lab)
    found = LabState(order.directory, str(lab.inventory), lab.hosts, os.getpid(), order.password, order.latency)
    state.write(Layout(lab.directory), found)


def _allow_many_descriptors() -> None:
    """Each host listens on one of its own, each connection and command takes some more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
