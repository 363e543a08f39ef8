"""The background process: a lab that is up until it gets a signal to end."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

import msgspec

from fleetctl.errors import FleetError
from fleetctl.lab import state
from fleetctl.lab.background import Order
from fleetctl.lab.inside import Lab
from fleetctl.lab.layout import Layout
from fleetctl.lab.state import LabState


def main() -> int:
    order = msgspec.json.decode(sys.argv[1], type=Order)
    if os.fork():
        return 0
    os.chdir("/")
    _allow_many_descriptors()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    try:
        with Lab(Path(order.directory), order.hosts, password=order.password, latency=order.latency) as lab:
            found = LabState(order.directory, str(lab.inventory), lab.hosts, os.getpid(), order.password, order.latency)
            state.write(Layout(lab.directory), found)
            os.write(order.ready, b"up")
            os.close(order.ready)
            ended.wait()
    except FleetError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    return 0


def _allow_many_descriptors() -> None:
    """Each host listens on one of its own, each connection and command takes some more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
