"""How much a template may make: no text, list or number grows beyond all bounds in it, and its loops have an end.

Nothing else would end it: a thread that multiplies hears no Ctrl-C, and no time-out of a step.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer

_MEBIBYTES = 16
_TEXT = _MEBIBYTES << 20
_ITEMS = 1_000_000
_BITS = 12_000
"""Of a whole number: Python writes out no longer ones."""
_ESTIMATE = 1 << 28
_GROWING = {
    "batch", "center", "expandtabs", "indent", "join", "ljust", "replace", "rjust", "round", "slice", "to_bytes",
    "tojson", "wordwrap", "zfill",
}  # fmt: skip
"""Filters and methods that may make much of little, by their arguments."""
_WIDTH = re.compile(r"\d{8}")
_COUNTED, _BOUNDED = "(counted)", "(bounded)"
OPERATORS = frozenset({"+", "*", "**", "%"})


class Counting(Context):
    """What one template is worked out with; `turns` are those of all its loops."""

    turns = 0


def check_operands(operator: str, left: Any, right: Any) -> None:
    """Raises: TemplateRuntimeError before much is made of little."""
    match operator, left, right:
        case ("+", str() | list() | tuple(), str() | list() | tuple()):
            _check_size(left, len(left) + len(right))
        case ("*", str() | list() | tuple(), int()):
            _check_size(left, len(left) * right)
        case ("*", int(), str() | list() | tuple()):
            _check_size(right, len(right) * left)
        case ("*", int(), int()):
            _check_bits(left.bit_length() + right.bit_length())
        case ("**", int(), int()):
            _check_bits(left.bit_length() * right)
        case ("%", str(), _):
            _check_widths(left)


def check_call(name: str, given: Iterable[Any]) -> None:
    """Raises: as above, for a filter or method with what it is given, the value that it is of first."""
    first, *others = given
    if name in _GROWING:
        sizes = [_size(first), *(abs(one) if isinstance(one, int) else _size(one) for one in others)]
        if math.prod(max(1, size) for size in sizes) > _ESTIMATE:
            raise _too_much(f"{name} makes more than {_MEBIBYTES} MiB")
    if name == "format" and isinstance(first, str):
        _check_widths(first)


def checked(value: Any) -> Any:
    """What has been made. Raises: as above."""
    if isinstance(value, str | list | tuple):
        _check_size(value, len(value))
    return value


def bounded(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that makes no more than it may."""
    first = 1 if hasattr(work, "jinja_pass_arg") else 0

    @functools.wraps(work)
    def filtered(*given: Any, **named: Any) -> Any:
        check_call(name, (*given[first:], *named.values()))
        return checked(work(*given, **named))

    return filtered


FILTERS: dict[str, Callable[..., Any]] = {}
"""What `with_bounds` puts into a template; nobody can write their names."""


def with_bounds(tree: nodes.Template) -> nodes.Template:
    """The template with its loops counted, and what it puts together measured."""
    bounds: nodes.Template = _Bounds().visit(tree)
    bounds.set_environment(tree.environment)  # type: ignore[arg-type]
    return bounds


class _Bounds(NodeTransformer):
    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - jinja names it
        self.generic_visit(node)
        node.iter = _filtered(node.iter, _COUNTED)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(node, _BOUNDED)

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.filter = _filtered(node.filter, _BOUNDED)
        return node


def _filtered(node: Any, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=1 if node is None else node.lineno)


@jinja2.pass_context
def _counted(context: Counting, items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        context.turns += 1
        if context.turns > _ITEMS:
            raise _too_much(f"its loops take more than {_ITEMS:,} turns")
        yield item


FILTERS.update({_COUNTED: _counted, _BOUNDED: checked})


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple) else 1


def _check_size(like: Any, size: int) -> None:
    if isinstance(like, str):
        if size > _TEXT:
            raise _too_much(f"makes a text of more than {_MEBIBYTES} MiB")
    elif size > _ITEMS:
        raise _too_much(f"makes a list of more than {_ITEMS:,} items")


def _check_bits(bits: int) -> None:
    if bits > _BITS:
        raise _too_much("makes a number of thousands of digits")


def _check_widths(text: str) -> None:
    if _WIDTH.search(text):
        raise _too_much(f"makes a text of more than {_MEBIBYTES} MiB")


def _too_much(said: str) -> jinja2.TemplateRuntimeError:
    return jinja2.TemplateRuntimeError(said)
