"""From what a user wrote of files to Put and Get: mistakes are told before a host is asked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fleetctl.errors import UsageError
from fleetctl.operations.get import Get
from fleetctl.operations.put import Put
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.destination import Destination
from fleetctl.transfer.getting import Origin
from fleetctl.transfer.local import expand, gather
from fleetctl.transfer.names import base, is_contents
from fleetctl.transfer.patterns import Filter
from fleetctl.transfer.places_here import check_directory, check_distinct, check_template


def sending(
    sources: Sequence[str],
    dest: str,
    choices: Choices,
    *,
    recursive: bool,
    choice: Filter,
    mode: int | None = None,
    owner: str = "",
) -> Put:
    """What sends files to the same place on each host.

    Args:
        sources: paths and patterns here.
        choice: what of directories is taken.
        mode, owner: see Destination.

    Raises: UsageError.
    """
    named = expand(sources)
    contents = any(is_contents(name) for name in named)
    if not recursive and not any(map(os.path.isdir, named)):
        check_filters_apply(choice)
    tree = gather(named, recursive=recursive, links=choices.links, choice=choice)
    if choices.delete and not any(entry.kind == "directory" for entry in tree.entries) and not contents:
        raise UsageError("--delete needs a directory", hint="name one, with -r")
    single = base(tree.entries[0].path) if len(named) == 1 and not contents and tree.entries else ""
    return Put(tuple(sources), Destination(dest, single, contents, mode, owner, choice), tree, choices=choices)


def fetching(
    sources: Sequence[str],
    dest: str,
    hosts: Sequence[str],
    choices: Choices,
    *,
    template: str,
    recursive: bool,
    choice: Filter,
) -> Get:
    """What fetches files from each host into a place of its own here.

    Args:
        sources: paths and patterns on the hosts.
        dest: a directory here.
        template: what a source becomes in it; see Origin.
        choice: what of directories is taken.

    Raises: UsageError.
    """
    check_wishes(sources, template, choice, recursive=recursive)
    check_distinct(template, sources, hosts)
    directory = str(Path(dest).expanduser().absolute())
    origin = Origin(tuple(sources), directory, template, recursive, choice)
    check_directory(dest, origin, hosts)
    if choices.delete and not recursive:
        raise UsageError("--delete needs a directory", hint="name one, with -r")
    return Get(origin, choices)


def check_wishes(sources: Sequence[str], template: str, choice: Filter, *, recursive: bool) -> None:
    """What can be told of them before the hosts are known. Raises: UsageError."""
    check_template(template)
    if not recursive and not any(map(is_contents, sources)):
        check_filters_apply(choice)


def check_filters_apply(choice: Filter) -> None:
    """For what takes no directory. Raises: UsageError when there is something to leave out of one."""
    if choice.exclude:
        raise UsageError("--exclude is for directories", hint="-x leaves out hosts; -r takes directories")
    if choice.include:
        raise UsageError("--include is for directories", hint="-r takes directories; -t says which hosts")
