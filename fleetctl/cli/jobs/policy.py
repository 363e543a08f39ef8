"""The `policy` of a job file, under the options that were typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import typer

from fleetctl.cli.orders import Orders
from fleetctl.cli.rollout_options import CheckOn
from fleetctl.jobs.language import Manner

_Options = TypeVar("_Options", bound=msgspec.Struct)
_INSTEAD = {"serial": ("batch",), "check": ("check_on", "check_timeout")}
"""Options that are another way to say something, or stand in for more than their own key."""


def under_what_was_typed(orders: Orders, policy: Manner, context: typer.Context) -> Orders:
    """The orders with what the file says wherever nothing was typed."""
    said = _said(policy)
    for name in [*said, *_INSTEAD]:
        if _was_typed(name, context):
            for key in (name, *_INSTEAD.get(name, ())):
                said.pop(key, None)
    return msgspec.structs.replace(
        orders, pace=_with(orders.pace, said), limits=_with(orders.limits, said), batches=_with(orders.batches, said)
    )


def _said(policy: Manner) -> dict[str, Any]:
    """What the file says, as options have it."""
    texts = {"batch": policy.batch, "pause": policy.pause, "check": policy.check, "max_failures": policy.max_failures}
    said: dict[str, Any] = {key: str(text) for key, text in texts.items() if text}
    numbers = {key: getattr(policy, key) for key in ("fanout", "retries")}
    spans = {key: getattr(policy, key) for key in ("check_timeout", "deadline", "connect_timeout")}
    said |= {key: number for key, number in numbers.items() if number is not None}
    said |= {key: float(span) for key, span in spans.items() if span is not None}
    said |= {"ignore_unreachable": True} if policy.ignore_unreachable else {}
    return said | ({"check_on": CheckOn(policy.check_on)} if policy.check else {})


def _was_typed(name: str, context: typer.Context) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _with(options: _Options, said: Mapping[str, Any]) -> _Options:
    """Where it is not as usual it was typed, if not for this run then for one that goes on with another."""
    usual = type(options)()
    given = {
        name: value
        for name, value in said.items()
        if name in options.__struct_fields__ and getattr(options, name) == getattr(usual, name)
    }
    return msgspec.structs.replace(options, **given)
