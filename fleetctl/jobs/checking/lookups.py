"""What a template looks up that is not there, guarded uses aside: `is defined`, `default`, `… in vars`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec
from jinja2 import nodes

from fleetctl.jobs.checking.parsing import Parsed, Path, path_of

_OF_MAPPINGS = {"get", "items", "keys", "values"}
_DEFAULTS = {"default", "d"}
_NEED_NOTHING = {"defined", "undefined"}

Sure = frozenset[Path]
"""Paths that have been asked for before, and are there."""


class Missing(msgspec.Struct, frozen=True):
    """One look-up that fails.

    Args:
        line: of the text, counted from 1.
        perhaps: it stands where it is not always come to.
    """

    path: Path
    why: str
    line: int
    perhaps: bool


def missing(parsed: Parsed, mistake: Callable[[Path], str], sure: Sure = frozenset()) -> Iterator[Missing]:
    """The look-ups that fail.

    Args:
        mistake: says what is wrong with a path, or "".
        sure: paths that are there for certain.
    """
    yield from _Walker(parsed.free, mistake).walk(parsed.tree, sure)


def looked_up(parsed: Parsed) -> Iterator[Path]:
    """All that is taken from outside, as far as it is written; ("vars",) alone where it is worked out."""
    seen: list[Path] = []

    def see(path: Path) -> str:
        seen.append(path)
        return ""

    for _ in missing(parsed, see):
        pass
    longest = {
        path for path in seen if not any(len(other) > len(path) and other[: len(path)] == path for other in seen)
    }
    yield from longest


def ensured(node: nodes.Node) -> Sure:
    """What is there for certain when an expression is true."""
    match node:
        case nodes.And(left=left, right=right):
            return ensured(left) | ensured(right)
        case nodes.Not(node=inner):
            return ensured_by_false(inner)
        case nodes.Test(name="defined", node=inner):
            return _only(inner)
        case nodes.Filter(name=name, node=nodes.Node() as inner, args=args) if name in _DEFAULTS:
            return (
                _only(inner) if all(isinstance(one, nodes.Const) and not one.value for one in args[:1]) else frozenset()
            )
        case nodes.Compare(expr=nodes.Const(value=str(name)), ops=[nodes.Operand(op="in", expr=around)]):
            return frozenset({(*path, name)}) if (path := path_of(around)) else frozenset()
        case _:
            return frozenset()


def ensured_by_false(node: nodes.Node) -> Sure:
    """What is there for certain when an expression is false."""
    match node:
        case nodes.Or(left=left, right=right):
            return ensured_by_false(left) | ensured_by_false(right)
        case nodes.Not(node=inner):
            return ensured(inner)
        case nodes.Test(name="undefined", node=inner):
            return _only(inner)
        case nodes.Compare(expr=nodes.Const(value=str(name)), ops=[nodes.Operand(op="notin", expr=around)]):
            return frozenset({(*path, name)}) if (path := path_of(around)) else frozenset()
        case _:
            return frozenset()


def _only(node: nodes.Node) -> Sure:
    path = path_of(node)
    return frozenset({path}) if path else frozenset()


class _Walker:
    """Goes through a tree, with what is sure at each place."""

    def __init__(self, free: frozenset[str], mistake: Callable[[Path], str]) -> None:
        self._free = free
        self._mistake = mistake
        self._branches = 0

    def walk(self, node: nodes.Node, sure: Sure) -> Iterator[Missing]:
        match node:
            case nodes.And(left=left, right=right):
                yield from self._branch(left, sure, [(right, ensured(left))])
            case nodes.Or(left=left, right=right):
                yield from self._branch(left, sure, [(right, ensured_by_false(left))])
            case nodes.CondExpr(test=test, expr1=yes, expr2=no):
                otherwise = [] if no is None else [no]
                yield from self._fork(test, sure, [yes], otherwise)
            case nodes.If(test=test, body=body, elif_=elses, else_=rest):
                yield from self._fork(test, sure, body, [*elses, *rest])
            case nodes.For(iter=items):
                inside = [(one, Sure()) for one in node.iter_child_nodes() if one is not items]
                yield from self._branch(items, sure, inside)
            case nodes.Filter(name=name) if name in _DEFAULTS:
                yield from self._guarded(node, sure)
            case nodes.Test(name=name) if name in _NEED_NOTHING:
                yield from self._guarded(node, sure)
            case nodes.Call(node=nodes.Getattr(node=around, attr=attr)) if attr in _OF_MAPPINGS:
                arguments = [one for one in node.iter_child_nodes() if one is not node.node]
                for one in (around, *arguments):
                    yield from self.walk(one, sure)
            case _:
                yield from self._plain(node, sure)

    def _fork(
        self, test: nodes.Node, sure: Sure, yes: Iterable[nodes.Node], no: Iterable[nodes.Node]
    ) -> Iterator[Missing]:
        then = [(node, ensured(test)) for node in yes]
        yield from self._branch(test, sure, [*then, *((node, ensured_by_false(test)) for node in no)])

    def _branch(self, first: nodes.Node, sure: Sure, then: list[tuple[nodes.Node, Sure]]) -> Iterator[Missing]:
        """What is always come to, and then what it depends on that, each with what is sure by then."""
        yield from self.walk(first, sure)
        self._branches += 1
        for node, more in then:
            yield from self.walk(node, sure | more)
        self._branches -= 1

    def _plain(self, node: nodes.Node, sure: Sure) -> Iterator[Missing]:
        path = path_of(node)
        read = getattr(node, "ctx", "load") == "load"
        if path and path[0] in self._free and path not in sure and read and (why := self._mistake(path)):
            yield Missing(path, why, node.lineno, perhaps=self._branches > 0)
        yield from self._inside(node, sure)

    def _inside(self, node: nodes.Node, sure: Sure) -> Iterator[Missing]:
        for child in node.iter_child_nodes():
            yield from self.walk(child, sure)

    def _guarded(self, node: nodes.Filter | nodes.Test, sure: Sure) -> Iterator[Missing]:
        """What is asked for need not be there; all on the way to it must be."""
        for child in node.iter_child_nodes():
            if child is node.node and path_of(child):
                yield from self._inside(child, sure)
            else:
                yield from self.walk(child, sure)
