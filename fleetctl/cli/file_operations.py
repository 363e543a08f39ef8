"""Words and options of put and get made into operations."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from fleetctl.cli.file_options import FileOptions, GetOptions, PutOptions
from fleetctl.cli.file_words import (
    check_directory,
    check_distinct,
    check_filters_apply,
    check_no_hosts,
    check_patterns,
    check_template,
    own_directories,
)
from fleetctl.cli.options import Output
from fleetctl.cli.prompts import confirm
from fleetctl.errors import UsageError
from fleetctl.model import Host
from fleetctl.operations.get import Get
from fleetctl.operations.put import Put
from fleetctl.sizes import counted
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.destination import Destination
from fleetctl.transfer.getting import Origin
from fleetctl.transfer.local import expand, gather
from fleetctl.transfer.names import base, is_contents
from fleetctl.transfer.patterns import Filter


def put_operation(
    words: Sequence[str], files: FileOptions, puts: PutOptions, output: Output
) -> Callable[[Sequence[Host]], Put]:
    """What makes the operation when the hosts are known. Raises: UsageError; so does what is returned."""
    sources, remote = _apart(words, "fleetctl put LOCAL... REMOTE")
    choice = _filter(files)
    if puts.per_host and files.delete:
        raise UsageError("--delete does not go with --per-host", hint="put -r LOCAL/HOST/DIR REMOTE deletes in DIR")

    def make(hosts: Sequence[Host]) -> Put:
        check_no_hosts("put", words, slice(-1, None), hosts)
        named = expand(sources)
        choices = _choices(files, output, mkdir=puts.mkdir)
        if puts.per_host:
            own = {
                host: gather(contents, recursive=True, links=files.links.value, choice=choice)
                for host, contents in own_directories(named, [host.name for host in hosts]).items()
            }
            destination = Destination(remote, contents=True, mode=puts.mode, owner=puts.owner, filter=choice)
            return Put(tuple(sources), destination, own=own, choices=choices)
        contents = any(is_contents(name) for name in named)
        if not files.recursive and not any(map(os.path.isdir, named)):
            check_filters_apply(choice.exclude, choice.include)
        tree = gather(named, recursive=files.recursive, links=files.links.value, choice=choice)
        if files.delete and not any(entry.kind == "directory" for entry in tree.entries) and not contents:
            raise UsageError("--delete needs a directory", hint="name one, with -r")
        if files.delete:
            _agree(f"Delete what is not in {' '.join(sources)} from {remote} on {counted(len(hosts), 'host')}?", output)
        single = base(tree.entries[0].path) if len(named) == 1 and not contents and tree.entries else ""
        destination = Destination(remote, single, contents, puts.mode, puts.owner, choice)
        return Put(tuple(sources), destination, tree, choices=choices)

    return make


def get_operation(
    words: Sequence[str], files: FileOptions, gets: GetOptions, output: Output
) -> Callable[[Sequence[Host]], Get]:
    """What makes the operation when the hosts are known. Raises: UsageError; so does what is returned."""
    sources, local = _apart(words, "fleetctl get REMOTE... LOCAL")
    choice = _filter(files)
    check_template(gets.template)
    if not files.recursive and not any(map(is_contents, sources)):
        check_filters_apply(choice.exclude, choice.include)

    def make(hosts: Sequence[Host]) -> Get:
        names = [host.name for host in hosts]
        check_no_hosts("get", words, slice(-1), hosts)
        check_distinct(gets.template, sources, names)
        directory = str(Path(local).expanduser().absolute())
        origin = Origin(tuple(sources), directory, gets.template, files.recursive, choice)
        check_directory(local, origin, names)
        if files.delete:
            if not files.recursive:
                raise UsageError("--delete needs a directory", hint="name one, with -r")
            _agree(f"Delete here, in {local}, what {len(hosts)} hosts do not have?", output)
        return Get(origin, _choices(files, output))

    return make


def _apart(words: Sequence[str], usage: str) -> tuple[list[str], str]:
    if len(words) < 2:
        raise UsageError("a source and a destination are needed", hint=usage)
    if not all(words):
        raise UsageError("an empty name is none", hint="is a variable empty?")
    return list(words[:-1]), words[-1]


def _filter(files: FileOptions) -> Filter:
    check_patterns(files.exclude_files, files.include)
    return Filter(tuple(files.exclude_files), tuple(files.include))


def _choices(files: FileOptions, output: Output, *, mkdir: bool = False) -> Choices:
    return Choices(
        preserve=files.preserve,
        links=files.links.value,
        update=files.update,
        checksum=files.checksum,
        verify=files.verify,
        resume=files.resume,
        backup=files.backup,
        mkdir=mkdir,
        delete=files.delete,
        via=files.via.value,
        dry=output.dry_run,
        each=output.verbose > 0,
        quiet=output.quiet,
        timeout=files.timeout,
        limit=files.limit,
        limit_per_host=files.limit_per_host,
    )


def _agree(question: str, output: Output) -> None:
    """Raises: UsageError unless the user agrees."""
    if output.dry_run or output.yes or confirm(question):
        return
    raise UsageError("nothing was deleted: nobody agreed", hint="--dry-run lists what would go; -y agrees")
