"""Words and options of put and get made into operations, and all that can be told before a host is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from fleetctl.cli.file_options import FileOptions, GetOptions, PutOptions
from fleetctl.cli.options import Output
from fleetctl.cli.prompts import confirm
from fleetctl.errors import UsageError
from fleetctl.model import Host
from fleetctl.operations.get import Get
from fleetctl.operations.put import Put
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.destination import Destination
from fleetctl.transfer.getting import Origin, as_directory
from fleetctl.transfer.local import expand, gather
from fleetctl.transfer.names import base, is_contents
from fleetctl.transfer.patterns import Filter, is_pattern
from fleetctl.transfer.tree import Tree

_PLACE = re.compile(r"\{[^}]*\}")


def put_operation(
    words: Sequence[str], files: FileOptions, puts: PutOptions, output: Output
) -> Callable[[Sequence[Host]], Put]:
    """What makes the operation when the hosts are known. Raises: UsageError; so does what is returned."""
    sources, remote = _apart(words, "fleetctl put LOCAL... REMOTE")
    choice = Filter(tuple(files.exclude_files), tuple(files.include))

    def make(hosts: Sequence[Host]) -> Put:
        if puts.per_host:
            if files.delete:
                raise UsageError(
                    "--delete does not go with --per-host", hint="put -r LOCAL/HOST/DIR REMOTE deletes in DIR"
                )
            own = {host.name: _own_tree(host.name, sources, files, choice) for host in hosts}
            destination = Destination(remote, contents=True, mode=puts.mode, owner=puts.owner, filter=choice)
            return Put(tuple(sources), destination, own=own, choices=_choices(files, output))
        named = expand(sources)
        tree = gather(named, recursive=files.recursive, links=files.links.value, choice=choice)
        contents = any(is_contents(name) for name in named)
        if files.delete and not any(entry.kind == "directory" for entry in tree.entries) and not contents:
            raise UsageError("--delete needs a directory", hint="name one, with -r")
        if files.delete:
            _agree(f"Delete what is not in {' '.join(sources)} from {remote} on {len(hosts)} hosts?", output)
        single = base(tree.entries[0].path) if len(named) == 1 and not contents and tree.entries else ""
        destination = Destination(remote, single, contents, puts.mode, puts.owner, choice)
        return Put(tuple(sources), destination, tree, choices=_choices(files, output))

    return make


def get_operation(
    words: Sequence[str], files: FileOptions, gets: GetOptions, output: Output
) -> Callable[[Sequence[Host]], Get]:
    """What makes the operation when the hosts are known. Raises: UsageError; so does what is returned."""
    sources, local = _apart(words, "fleetctl get REMOTE... LOCAL")
    _check_template(gets.template)

    def make(hosts: Sequence[Host]) -> Get:
        _check_distinct(gets.template, sources, [host.name for host in hosts])
        if files.delete:
            if not files.recursive:
                raise UsageError("--delete needs a directory", hint="name one, with -r")
            _agree(f"Delete here, in {local}, what {len(hosts)} hosts do not have?", output)
        directory = str(Path(local).expanduser().absolute())
        choice = Filter(tuple(files.exclude_files), tuple(files.include))
        origin = Origin(tuple(sources), directory, gets.template, files.recursive, choice)
        return Get(origin, _choices(files, output))

    return make


def _apart(words: Sequence[str], usage: str) -> tuple[list[str], str]:
    if len(words) < 2:
        raise UsageError("a source and a destination are needed", hint=usage)
    if not all(words):
        raise UsageError("an empty name is none", hint="is a variable empty?")
    return list(words[:-1]), words[-1]


def _choices(files: FileOptions, output: Output) -> Choices:
    return Choices(
        preserve=files.preserve,
        links=files.links.value,
        update=files.update,
        checksum=files.checksum,
        verify=files.verify,
        resume=files.resume,
        backup=files.backup,
        mkdir=files.mkdir,
        delete=files.delete,
        via=files.via.value,
        dry=output.dry_run,
        each=output.verbose > 0,
        timeout=files.timeout,
        limit=files.limit,
        limit_per_host=files.limit_per_host,
    )


def _own_tree(host: str, sources: Sequence[str], files: FileOptions, choice: Filter) -> Tree:
    """What is to go to one host alone. Raises: UsageError when there is nothing."""
    directories = [Path(source).expanduser() / as_directory(host) for source in sources]
    missing = [str(directory) for directory in directories if not directory.is_dir()]
    if missing:
        raise UsageError(f"there is no directory {missing[0]}", hint=f"make it, or leave the host out: -x {host}")
    contents = [f"{directory}/" for directory in directories]
    return gather(contents, recursive=True, links=files.links.value, choice=choice)


def _check_template(template: str) -> None:
    strange = set(_PLACE.findall(template)) - {"{host}", "{name}"}
    if strange:
        raise UsageError(f"--as knows {{host}} and {{name}}, and not {min(strange)}")
    if template.startswith("/") or any(part in {"", ".", ".."} for part in template.split("/")):
        raise UsageError("--as names a place in LOCAL", hint="--as '{host}-{name}'")


def _check_distinct(template: str, sources: Sequence[str], hosts: Sequence[str]) -> None:
    """No two hosts may write the same file, nor two sources of one host. Raises: UsageError."""
    patterns = [source for source in sources if is_pattern(source) or is_contents(source)]
    if len(hosts) > 1 and patterns and not template.startswith("{host}/"):
        raise UsageError(
            f"with {patterns[0]} the files of two hosts could get the same name",
            hint="begin --as with {host}/",
        )
    taken: dict[str, str] = {}
    for host in hosts:
        for source in sources:
            if source in patterns:
                continue
            place = template.replace("{host}", as_directory(host)).replace("{name}", base(source))
            owner = f"{source} of {host}"
            if place in taken:
                raise UsageError(f"{taken[place]} and {owner} would both become {place}", hint=_DISTINCT_HINT)
            taken[place] = owner
    for place, owner in taken.items():
        above = place
        while "/" in above:
            above = above.rpartition("/")[0]
            if above in taken:
                raise UsageError(f"{owner} would be inside {above}, which {taken[above]} becomes", hint=_DISTINCT_HINT)


_DISTINCT_HINT = "--as '{host}/{name}' keeps them apart; sources of one name need a run each"


def _agree(question: str, output: Output) -> None:
    """Raises: UsageError unless the user agrees."""
    if output.dry_run or output.yes or confirm(question):
        return
    raise UsageError("nothing was deleted: nobody agreed", hint="--dry-run lists what would go; -y agrees")
