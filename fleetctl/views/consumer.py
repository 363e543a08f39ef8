"""The seam between a run and all that reads it: views, the footer, the closing lines, files."""

from __future__ import annotations

from typing import Protocol

from fleetctl.events import Event


class Consumer(Protocol):
    """Sees every event of a run, in order, from one thread. `close` is called once, in every case.

    Raises: OSError from `show` when it cannot write; the run is then called off. `close` raises nothing.
    """

    def show(self, event: Event) -> None: ...

    def close(self) -> None: ...
