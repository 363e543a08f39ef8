"""Where what is fetched goes here: whether each file has a place of its own is known before a host is asked."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from fleetctl.errors import UsageError
from fleetctl.transfer.getting import Origin, as_directory
from fleetctl.transfer.names import base, is_contents
from fleetctl.transfer.patterns import is_pattern

_PLACE = re.compile(r"\{[^}]*\}")
_OTHER_HOST = "begin --as with {host}/"
_SAME_HOST = "one run each, or another --as"
_FOR_FILES = "LOCAL is a directory, with one for each host; --as '{host}-{name}' names files otherwise"


def check_template(template: str) -> None:
    """Raises: UsageError for an --as that means nothing, or a place outside LOCAL."""
    strange = set(_PLACE.findall(template)) - {"{host}", "{name}"}
    if strange:
        raise UsageError(f"--as knows {{host}} and {{name}}, and not {min(strange)}")
    if template.startswith("/") or any(part in {"", ".", ".."} for part in template.split("/")):
        raise UsageError("--as names a place in LOCAL", hint="--as '{host}-{name}'")


def check_distinct(template: str, sources: Sequence[str], hosts: Sequence[str]) -> None:
    """No two hosts may write the same file, nor two sources of one host. Raises: UsageError."""
    contents = [source for source in sources if is_contents(source)]
    globs = [source for source in sources if is_pattern(source) and source not in contents]
    plain = [source for source in sources if source not in contents and source not in globs]
    if contents:
        _check_contents(template, contents, [*plain, *globs], several=len(hosts) > 1)
    if globs and len(hosts) > 1 and not template.startswith("{host}/"):
        raise _mixed(globs[0])
    _check_places({(source, host): _place(template, source, host) for host in hosts for source in plain})


def _check_contents(template: str, contents: Sequence[str], others: Sequence[str], *, several: bool) -> None:
    """What is in a directory has names of its own: --as says where the directory is."""
    above, _, last = template.rpartition("/")
    directory = above if last == "{name}" else template
    if several and "{host}" not in directory:
        raise _mixed(contents[0])
    if "{name}" in directory:
        hint = "--as '{host}/{name}', or '{host}.d' for directories of that name"
        raise UsageError(f"what is in {contents[0]} has names of its own", hint=hint)
    if others and last != "{name}":
        raise UsageError(f"{contents[0]} and {others[0]} would both become {template}", hint=_SAME_HOST)


def _mixed(source: str) -> UsageError:
    return UsageError(f"with {source} the files of two hosts could get the same name", hint=_OTHER_HOST)


def _place(template: str, source: str, host: str) -> str:
    return template.replace("{host}", as_directory(host)).replace("{name}", base(source))


def _check_places(places: dict[tuple[str, str], str]) -> None:
    """Of sources and hosts. Raises: UsageError where two are the same, or one is to be a directory for another."""
    taken: dict[str, tuple[str, str]] = {}
    for owner, place in places.items():
        other = taken.setdefault(place, owner)
        if other is not owner:
            raise UsageError(f"{_of(other)} and {_of(owner)} would both become {place}", hint=_apart(other, owner))
    for place, owner in taken.items():
        for above in _above(place):
            if above in taken:
                other = taken[above]
                message = f"{_of(owner)} would be inside {above}, which {_of(other)} becomes"
                raise UsageError(message, hint=_apart(other, owner))


def _of(owner: tuple[str, str]) -> str:
    return " of ".join(owner)


def _apart(one: tuple[str, str], other: tuple[str, str]) -> str:
    return _SAME_HOST if one[1] == other[1] else _OTHER_HOST


def _above(place: str) -> Iterator[str]:
    while "/" in place:
        place = place.rpartition("/")[0]
        yield place


def check_directory(local: str, origin: Origin, hosts: Sequence[str]) -> None:
    """What is fetched must have a place here. Raises: UsageError where a file is in the way, or nothing may be made."""
    if local == "-":
        raise UsageError("- is no directory", hint="fleetctl run cat FILE shows files")
    for directory in dict.fromkeys(origin.on(host).directory for host in hosts):
        there = next(path for path in (Path(directory), *Path(directory).parents) if os.path.lexists(path))
        if not there.is_dir():
            raise UsageError(f"{_as_written(there, local)} is no directory", hint=_FOR_FILES)
        if not os.access(there, os.W_OK | os.X_OK):
            hint = "name a LOCAL that you may write to"
            raise UsageError(f"{_as_written(there, local)} cannot be written to", hint=hint)


def _as_written(path: Path, local: str) -> str:
    return local if path == Path(local).expanduser().absolute() else str(path)
