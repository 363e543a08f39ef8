"""Variables that go into a shell line as they are: what a host or a person has put in them, the shell would obey."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

from fleetctl.jobs.checking.parsing import Parsed, path_of

_SAFE_FILTERS = {"quote", "int", "float", "length", "count", "round", "abs", "wordcount"}
_NUMBERS = (nodes.Sub, nodes.Div, nodes.FloorDiv, nodes.Pow, nodes.Neg, nodes.Pos)
_SAFE_TO_JOIN = (nodes.Add, nodes.Mul, nodes.Mod, nodes.And, nodes.Or)
_SAFE_PATHS = {("host", "port"), ("index",), ("facts", "cpus"), ("facts", "memory"), ("facts", "uptime")}
_SAFE_OF_RESULTS = {"exit", "changed", "failed", "skipped", "truncated"}
_WANT_BRACKETS = (
    nodes.BinExpr, nodes.UnaryExpr, nodes.CondExpr, nodes.Compare, nodes.Concat, nodes.Test
)  # fmt: skip


def unquoted(parsed: Parsed) -> Iterator[tuple[str, str]]:
    """Each `{{ … }}` that may be more than one word of a shell, and what to write instead."""
    for written, node in parsed.written:
        if not _is_safe(node):
            inside = written.removeprefix("{{").removesuffix("}}").strip("-+ \t\n")
            inside = f"({inside})" if isinstance(node, _WANT_BRACKETS) else inside
            yield written, f"{{{{ {inside} | quote }}}}"


def _is_safe(node: nodes.Node) -> bool:
    """Whether it is one word, whatever its variables hold: quoted, a number, true or false."""
    match node:
        case nodes.Const() | nodes.Compare() | nodes.Not() | nodes.Test():
            return True
        case nodes.Filter():
            return _is_safe_filter(node)
        case nodes.CondExpr(expr1=yes, expr2=no):
            return _is_safe(yes) and (no is None or _is_safe(no))
        case nodes.Concat(nodes=parts):
            return all(map(_is_safe, parts))
        case nodes.BinExpr(left=left, right=right) if isinstance(node, _SAFE_TO_JOIN):
            return _is_safe(left) and _is_safe(right)
        case _:
            return isinstance(node, _NUMBERS) or _is_number(node)


def _is_safe_filter(node: nodes.Filter) -> bool:
    if node.name in _SAFE_FILTERS:
        return True
    if node.name in {"default", "d"}:
        return node.node is not None and _is_safe(node.node) and all(map(_is_safe, node.args))
    if node.name == "join":
        return _is_all_quoted(node.node) and all(map(_is_safe, node.args))
    return False


def _is_all_quoted(node: nodes.Node | None) -> bool:
    """`… | map("quote")`."""
    return isinstance(node, nodes.Filter) and node.name == "map" and node.args[:1] == [nodes.Const("quote")]


def _is_number(node: nodes.Node) -> bool:
    path = path_of(node)
    of_result = (len(path) == 3 and path[0] == "steps") or (len(path) == 2 and path[0] == "result")
    return path in _SAFE_PATHS or (of_result and path[-1] in _SAFE_OF_RESULTS)
