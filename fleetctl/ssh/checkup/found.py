"""What one look at the way to a host has found (examine.py)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Found(msgspec.Struct, frozen=True):
    """What `fleetctl.checkup.Step` has words, remarks and facts for.

    Args:
        warning: whether something of it should be otherwise.
        until: when it was over, on the monotonic clock, where that is not now.
    """

    words: str
    remarks: tuple[str, ...] = ()
    facts: dict[str, object] = {}
    warning: bool = False
    until: float | None = None


Look = Callable[[], Found]
"""Raises: FleetError, when it ends there."""
