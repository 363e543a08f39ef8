"""From the selection options, or a TARGET given as an argument, to target expressions and host names."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import msgspec

from fleetctl.cli.options import Access, Selection
from fleetctl.cli.sources import load_inventory
from fleetctl.errors import TargetError, UsageError
from fleetctl.inventory import find_default, load, parse_adhoc, reads_stdin
from fleetctl.nodes import fold


def with_words(selection: Selection, words: Sequence[str]) -> Selection:
    """The selection with TARGET arguments added to --target."""
    return msgspec.structs.replace(selection, target=[*selection.target, *words])


def selected_names(selection: Selection) -> list[str]:
    """Names in inventory order. Raises: InventoryError, TargetError."""
    inventory = load_inventory(selection.inventory, selection.host)
    return inventory.select(*wanted(selection), exclude=unwanted(selection))


def only(word: str, files: list[Path]) -> Selection:
    """The one host that HOST means: a target that selects it, or `[user@]host[:port]` in the inventory or outside it.

    Raises: InventoryError; TargetError when it selects several hosts or cannot be read.
    """
    as_target = Selection(target=[word], inventory=files)
    if _is_adhoc(word) and not _is_known(word, files):
        return Selection(host=[word], inventory=files)
    names = selected_names(as_target)
    if len(names) > 1:
        raise TargetError(f"{word!r} selects {len(names)} hosts, and one is wanted", hint=f"name one of {fold(names)}")
    return as_target


def _is_adhoc(word: str) -> bool:
    try:
        parse_adhoc(word)
    except UsageError:
        return False
    return True


def _is_known(word: str, files: list[Path]) -> bool:
    """Whether it is a host or a group of the inventory."""
    inventory = load(list(files) or find_default())
    return word in inventory.names or word in inventory.group_names


def wanted(selection: Selection) -> list[str]:
    """The target expressions, in which the hosts named with -H count as well. Raises: TargetError."""
    return [*_not_empty(selection.target), *(parse_adhoc(spec).name for spec in selection.host)]


def unwanted(selection: Selection) -> list[str]:
    """The expressions of the hosts to leave out. Raises: TargetError."""
    return _not_empty(selection.exclude)


def takes_stdin(selection: Selection) -> bool:
    """Whether the names of hosts are read from our stdin, so that it is not for what runs on them."""
    return any(map(reads_stdin, (*selection.target, *selection.exclude)))


def trust_command(selection: Selection, access: Access) -> str:
    """What to type before a host's name to trust its key, on the same inventory and with the same files."""
    words = ["fleetctl", "trust"]
    for file in selection.inventory:
        words += ["-i", str(file)]
    for known in access.known_hosts:
        words += ["--known-hosts", known]
    for option, named in (("-F", access.ssh_config), ("--vault", access.vault), ("--vault-key", access.vault_key)):
        words += [option, str(named)] if named is not None else []
    for spec in selection.host:
        words += ["-H", spec]
    return shlex.join(words if access.port is None else [*words, "--port", str(access.port)])


def _not_empty(expressions: list[str]) -> list[str]:
    """Raises: TargetError for an empty one, as an unset variable makes it."""
    if not all(expression.strip() for expression in expressions):
        raise TargetError("an empty target was given", hint="is a variable in it unset? `@*` is all hosts")
    return expressions
