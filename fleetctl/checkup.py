"""What a look at every step of the way to a host finds: what `fleetctl doctor` yields, shows and writes as JSON."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Finding(StrEnum):
    """How a step went."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_REACHED = "not-reached"


class Step(msgspec.Struct, frozen=True):
    """One step on the way to one machine.

    Args:
        machine: the host, or a bastion on the way to it.
        name: resolve, connect, banner, key-exchange, host-key, login, channel, sftp or sudo.
        words: what was found, one line in plain words; "" where it was not reached.
        seconds: how long it took.
        remarks: what is worth to know besides, a line each.
        hint: what to do about it, or "".
        code: of the error that ended it (errors.py), or "".
        facts: the same for programs; which there are depends on the step.
    """

    machine: str
    name: str
    finding: Finding
    words: str = ""
    seconds: float = 0.0
    remarks: tuple[str, ...] = ()
    hint: str = ""
    code: str = ""
    facts: dict[str, Any] = {}
