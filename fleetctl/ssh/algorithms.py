"""Which algorithms are offered: our own choice, or what a user wants of it (ssh_config(5), Ciphers and its like)."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence

from fleetctl.errors import NoCommonAlgorithm

_SIGNS = "+-^"


def chosen(wanted: Sequence[str], ours: Sequence[str], possible: Iterable[str], what: str) -> tuple[str, ...]:
    """The names to offer, best first.

    Args:
        wanted: names; the first may begin with a sign for all of them: `+` adds them to ours, `-` takes those
            that match from ours, `^` puts them before ours. Without any, ours.
        possible: what there is code for; other names are passed over.
        what: the kind of algorithm, for people.

    Raises: NoCommonAlgorithm when nothing is left.
    """
    if not wanted:
        return tuple(ours)
    sign = wanted[0][:1] if wanted[0][:1] in _SIGNS else ""
    names = [wanted[0].removeprefix(sign), *wanted[1:]]
    known = set(possible)
    usable = [name for name in names if name in known]
    match sign:
        case "+":
            found = [*ours, *usable]
        case "-":
            found = [name for name in ours if not any(fnmatch.fnmatchcase(name, pattern) for pattern in names)]
        case "^":
            found = [*usable, *ours]
        case _:
            found = usable
    if not found:
        raise NoCommonAlgorithm(
            f"none of the {what} wanted is known here: {', '.join(names)}",
            hint=f"there are {', '.join(sorted(known))}",
        )
    return tuple(dict.fromkeys(found))
