"""The variables that are given with -e: text, true or false, or what the job's own value of that name is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from fleetctl.errors import UsageError
from fleetctl.jobs.language import Job

_KINDS = {
    bool: ("true or false", (bool,)),
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    list: ("a list, as [a, b]", (list,)),
    dict: ("a mapping, as {a: 1}", (dict,)),
}  # fmt: skip
_TRUTHS = {"true": True, "false": False}


def variables(pairs: Iterable[str], job: Job) -> dict[str, Any]:
    """What `NAME=VALUE` pairs set. Where the job has a number of that name, what is given must be one, too.

    `true` and `false` are no text unless the job's own value is: text is true in a condition, whatever it says.

    Raises: UsageError.
    """
    given = {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
    return {name: _as_kind_of(job.head.vars.get(name), name, value) for name, value in given.items()}


def _as_kind_of(own: Any, name: str, value: str) -> Any:
    kind = _KINDS.get(type(own))
    if kind is None:
        return value if isinstance(own, str) else _TRUTHS.get(value, value)
    wanted, types = kind
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        read = None
    if not isinstance(read, types) or isinstance(read, bool) is not isinstance(own, bool):
        raise UsageError(f"-e {name}=… must be {wanted}", hint=f"as vars.{name} of the job is")
    return read
