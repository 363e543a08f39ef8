"""What can be told of the words of put and get before a host is asked: most mistakes are seen in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from fleetctl.errors import UsageError
from fleetctl.model import Host
from fleetctl.nodes import fold
from fleetctl.transfer.getting import as_directory
from fleetctl.transfer.names import base

_AS_SCP = re.compile(r"(?:(?P<user>[^/:@]*)@)?(?P<host>[^/:@]+):(?P<path>.*)", re.DOTALL)


def check_no_hosts(command: Literal["put", "get"], words: Sequence[str], remote: slice, hosts: Sequence[Host]) -> None:
    """Hosts are not part of paths, as with scp. Raises: UsageError that says how it is typed instead."""
    known = {host.name for host in hosts}
    options: dict[str, None] = {}
    corrected = list(words)
    for place in range(len(words))[remote]:
        match = _AS_SCP.fullmatch(words[place])
        if match is None or (match["user"] is None and match["host"] not in known):
            continue
        login = f"{match['user']}@" if match["user"] else ""
        option = f"-t {match['host']}" if match["host"] in known else f"-H {login}{match['host']}"
        options[f"{option} -u {match['user']}" if login and match["host"] in known else option] = None
        corrected[place] = match["path"] or "."
    if options:
        line = f"fleetctl {command} {' '.join(options)} {shlex.join(corrected)}"
        wrong = next(word for word, right in zip(words, corrected, strict=True) if word != right)
        raise UsageError(f"{wrong}: hosts are named by -t", hint=line)


def check_patterns(exclude: Sequence[str], include: Sequence[str]) -> None:
    """A group of hosts is no pattern for files. Raises: UsageError."""
    for option, values, instead in (("--exclude", exclude, "-x leaves out"), ("--include", include, "-t takes")):
        for value in values:
            if value.startswith("@"):
                hint = f"{instead} hosts; for files of that name, {option} '[@]{value[1:]}'"
                raise UsageError(f"{option} is for files, and {value} is a group of hosts", hint=hint)


def own_directories(sources: Sequence[str], hosts: Sequence[str]) -> dict[str, list[str]]:
    """What is for each host alone, as contents of directories. Raises: UsageError that names all hosts without."""
    own = {host: [Path(source) / as_directory(host) for source in sources] for host in hosts}
    without = {
        source: [host for host in hosts if not own[host][place].is_dir()] for place, source in enumerate(sources)
    }
    missing = list({host: None for found in without.values() for host in found})
    if missing:
        lines = [f"{source} has no directory for {fold(found)}" for source, found in without.items() if found]
        raise UsageError("\n".join(lines), hint=_how_to_name(sources, hosts, missing))
    return {host: [f"{directory}/" for directory in directories] for host, directories in own.items()}


def _how_to_name(sources: Sequence[str], hosts: Sequence[str], missing: Sequence[str]) -> str:
    names = set(map(as_directory, hosts))
    above = {str(Path(source).parent) for source in sources if base(source) in names}
    if above:
        return f"LOCAL is what holds the directories: {' '.join(sorted(above))}"
    if len(missing) == len(hosts):
        return f"LOCAL holds a directory for each host, as get leaves it: {Path(sources[0]) / as_directory(missing[0])}"
    return f"-x {fold(missing)}"
