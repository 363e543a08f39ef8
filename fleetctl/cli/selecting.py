"""From the selection options, or a TARGET given as an argument, to a target expression and host names."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from fleetctl.cli.options import Access, Selection
from fleetctl.cli.sources import load_inventory
from fleetctl.errors import TargetError
from fleetctl.inventory import parse_adhoc


def with_words(selection: Selection, words: Sequence[str]) -> Selection:
    """The selection with TARGET arguments added to --target."""
    return replace(selection, target=_joined([selection.target, *words]))


def selected_names(selection: Selection) -> list[str]:
    """Names in inventory order. Raises: InventoryError, TargetError."""
    return load_inventory(selection.inventory, selection.host).select(wanted(selection), unwanted(selection))


def wanted(selection: Selection) -> str:
    """The target expression, in which the hosts named with -H count as well; "" when none was given.

    Raises: TargetError.
    """
    return _joined([selection.target, *(parse_adhoc(spec).name for spec in selection.host)]) or ""


def unwanted(selection: Selection) -> str:
    """The expression of the hosts to leave out; "" when none was given. Raises: TargetError."""
    return _joined([selection.exclude]) or ""


def trust_command(selection: Selection, access: Access) -> str:
    """What to type before a host's name to trust its key, on the same inventory and with the same files."""
    words = ["fleetctl", "trust"]
    for file in selection.inventory:
        words += ["-i", str(file)]
    for known in access.known_hosts:
        words += ["--known-hosts", known]
    for spec in selection.host:
        words += ["-H", _with_port(spec, access.port)]
    return shlex.join(words if selection.host or access.port is None else [*words, "--port", str(access.port)])


def _joined(expressions: Sequence[str | None]) -> str | None:
    """All that were given, in one. Raises: TargetError for an empty one, as an unset variable makes it."""
    given = [expression for expression in expressions if expression is not None]
    if not all(expression.strip() for expression in given):
        raise TargetError("an empty target was given", hint="is a variable in it unset? `@*` is all hosts")
    return ",".join(given) if given else None


def _with_port(spec: str, port: int | None) -> str:
    """`user@host:port` in full."""
    said = parse_adhoc(spec)
    user = f"{said.user}@" if said.user else ""
    address = f"[{said.address}]" if ":" in said.address else said.address
    return f"{user}{address}:{said.port or port or 22}"
