"""What an engine is given: the operation, the hosts, and how to go about it."""

from __future__ import annotations

import msgspec

from fleetctl.jobs.sequence import Sequence
from fleetctl.model import Host
from fleetctl.operations.command import Command
from fleetctl.operations.get import Get
from fleetctl.operations.ping import Ping
from fleetctl.operations.put import Put
from fleetctl.operations.script import Script

Single = Command | Script | Ping | Put | Get
"""What is done in one go, with one session."""
AnyOperation = Single | Sequence


class Policy(msgspec.Struct, frozen=True):
    """How a task is carried out.

    Args:
        fanout: how many hosts are worked on at once.
        retries: further tries at connecting when a server turns us away before its SSH banner.
        login_timeout: seconds for banner, key exchange and authentication together.
        auth_failures: after so many rejections of one password no further login with it begins.
    """

    fanout: int = 64
    retries: int = 2
    login_timeout: float = 30.0
    auth_failures: int = 1


class Task(msgspec.Struct, frozen=True):
    """One operation for many hosts. Host names are unique."""

    operation: AnyOperation
    hosts: tuple[Host, ...]
    policy: Policy = Policy()
