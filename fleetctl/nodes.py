"""Host names as a set on one line: `web[01-20]`, folded and expanded by ClusterShell's NodeSet."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:-]*")
"""What a host may be called: nothing that means something to a shell, a path or a target expression."""


def fold(names: Iterable[str]) -> str:
    """One line that stands for all the names, sorted: `db01,web[01-20]`. Names must match NAME."""
    return str(NodeSet.fromlist(list(names), resolver=RESOLVER_NOGROUP))


def expand(pattern: str) -> list[str]:
    """The names a range string stands for, in order. Raises: ValueError when it cannot be read."""
    try:
        return list(NodeSet(pattern, resolver=RESOLVER_NOGROUP))
    except NodeSetException as error:
        raise ValueError(str(error)) from error
