"""Connect, log in, and ask for one sign of life: is the host there, and how far away is it?"""

from __future__ import annotations

import time

import msgspec

from fleetctl.events import Outcome, Status
from fleetctl.operations import Context
from fleetctl.ssh.any_session import AnySession


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    def __str__(self) -> str:
        return "ping"

    def perform(self, session: AnySession, context: Context) -> Outcome:
        started = time.monotonic()
        session.round_trip(context.cancel)
        timings = {**session.timings, "round_trip": time.monotonic() - started}
        parts = ", ".join(f"{name.replace('_', ' ')} {seconds * 1000:.1f} ms" for name, seconds in timings.items())
        context.emit("stdout", f"{parts}\n".encode())
        return Outcome(Status.OK, timings=timings)
