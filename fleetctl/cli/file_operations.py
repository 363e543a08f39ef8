"""Words and options of put and get made into operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fleetctl.cli.file_options import FileOptions, GetOptions, PutOptions
from fleetctl.cli.file_words import check_no_hosts, check_patterns, own_directories
from fleetctl.cli.options import Output
from fleetctl.cli.prompts import confirm
from fleetctl.errors import UsageError
from fleetctl.model import Host
from fleetctl.operations.files import check_wishes, fetching, sending
from fleetctl.operations.get import Get
from fleetctl.operations.put import Put
from fleetctl.sizes import counted
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.destination import Destination
from fleetctl.transfer.local import expand, gather
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
        choices = _choices(files, output, mkdir=puts.mkdir)
        if puts.per_host:
            own = {
                host: gather(contents, recursive=True, links=files.links.value, choice=choice)
                for host, contents in own_directories(expand(sources), [host.name for host in hosts]).items()
            }
            destination = Destination(remote, contents=True, mode=puts.mode, owner=puts.owner, filter=choice)
            return Put(tuple(sources), destination, own=own, choices=choices)
        put = sending(
            sources, remote, choices, recursive=files.recursive, choice=choice, mode=puts.mode, owner=puts.owner
        )
        if files.delete:
            _agree(f"Delete what is not in {' '.join(sources)} from {remote} on {counted(len(hosts), 'host')}?", output)
        return put

    return make


def get_operation(
    words: Sequence[str], files: FileOptions, gets: GetOptions, output: Output
) -> Callable[[Sequence[Host]], Get]:
    """What makes the operation when the hosts are known. Raises: UsageError; so does what is returned."""
    sources, local = _apart(words, "fleetctl get REMOTE... LOCAL")
    choice = _filter(files)
    check_wishes(sources, gets.template, choice, recursive=files.recursive)

    def make(hosts: Sequence[Host]) -> Get:
        names = [host.name for host in hosts]
        check_no_hosts("get", words, slice(-1), hosts)
        get = fetching(
            sources, local, names, _choices(files, output),
            template=gets.template, recursive=files.recursive, choice=choice,
        )  # fmt: skip
        if files.delete:
            _agree(f"Delete here, in {local}, what {len(hosts)} hosts do not have?", output)
        return get

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
