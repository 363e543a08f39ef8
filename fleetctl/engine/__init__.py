"""Perform a Task on many hosts and yield what happens. Engines differ only in where the workers live."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from fleetctl.cancel import Cancel
from fleetctl.engine.brake import Brake
from fleetctl.engine.task import Task
from fleetctl.events import Event


class Engine(Protocol):
    """Knows nothing of screens or files. Called from one thread; `run` once per task."""

    def run(self, task: Task, cancel: Cancel, brake: Brake) -> Iterator[Event]:
        """HostStarted, Output … HostFinished for each host, in the order in which they happen.

        Every host of the task gets exactly one HostFinished. When `cancel` is set, hosts not yet begun
        finish as cancelled and the rest are cut off. Closing the iterator early ends all workers.

        Each outcome is told to `brake` before the next host is taken, and no host begins while it has a reason
        why not: those not yet begun finish as skipped then, and the rest go on to their end.
        """
