"""Templates and expressions as trees, to be looked at without values."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import jinja2
import msgspec
from jinja2 import meta, nodes
from jinja2.parser import Parser

from fleetctl.inventory.mistakes import did_you_mean
from fleetctl.jobs.templates import alone, environment, filters

_NOT_HERE = (nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport)
_SHOWN = 60
_UNENDED, _UNENDED_OF_JINJA = "no }} ends what {{ begins", "expected 'end of print statement'."

Path = tuple[str, ...]
"""What is looked up, step by step: `vars.a["b"]` is ("vars", "a", "b")."""


class BadTemplateError(Exception):
    """What is wrong with the syntax of a template; `line` counts from 1 in its text."""

    def __init__(self, message: str, line: int, shown: str) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.shown = shown


class Parsed(msgspec.Struct, frozen=True):
    """A template.

    Args:
        free: the names that it takes from outside.
        written: each `{{ … }}` as it is written, with what it holds.
    """

    tree: nodes.Node
    free: frozenset[str]
    written: tuple[tuple[str, nodes.Expr], ...] = ()


@functools.lru_cache(maxsize=1024)
def template(text: str) -> Parsed:
    """Text with `{{ … }}` in it. Raises: BadTemplateError."""
    with _mistakes_told(text):
        tree = environment().parse(text)
        _refuse_unknown(tree)
        held = [node for output in tree.find_all(nodes.Output) for node in output.nodes]
        expressions = [node for node in held if not isinstance(node, nodes.TemplateData)]
        return Parsed(tree, _free(tree), tuple(zip(_written(text), expressions, strict=False)))


@functools.lru_cache(maxsize=1024)
def expression(text: str) -> Parsed:
    """What could stand between `{{` and `}}`, or stands there. Raises: BadTemplateError."""
    with _mistakes_told(text):
        inside = alone(text)
        parser = Parser(environment(), inside, state="variable")
        node = parser.parse_expression()
        if not parser.stream.eos:
            raise jinja2.TemplateSyntaxError(f"unexpected {_word(parser)!r}", parser.stream.current.lineno)
        tree = nodes.Template([nodes.Output([node], lineno=1)], lineno=1)
        tree.set_environment(environment())
        _refuse_unknown(tree)
        return Parsed(node, _free(tree))


def path_of(node: nodes.Node) -> Path:
    """What a name, or what is looked up in one, is called; () for anything else."""
    match node:
        case nodes.Name(name=name):
            return (name,)
        case nodes.Getattr(node=around, attr=word) | nodes.Getitem(node=around, arg=nodes.Const(value=str(word))):
            return (*outer, word) if (outer := path_of(around)) else ()
        case _:
            return ()


def shown(path: Path) -> str:
    """A path as people write it: `vars.a["b c"]`."""
    return path[0] + "".join(f".{word}" if word.isidentifier() else f'["{word}"]' for word in path[1:])


def _free(tree: nodes.Template) -> frozenset[str]:
    return frozenset(meta.find_undeclared_variables(tree))


def _written(text: str) -> Iterator[str]:
    """Each `{{ … }}` of a text, in order."""
    piece = ""
    for _, kind, word in environment().lex(text):
        if kind == "variable_begin":
            piece = ""
        piece += word
        if kind == "variable_end":
            yield piece.strip()


def _refuse_unknown(tree: nodes.Template) -> None:
    """Raises: BadTemplateError for a filter or test that there is not, and for what reaches for other files."""
    known = {nodes.Filter: ("filter", filters()), nodes.Test: ("test", environment().tests)}
    for kind, (word, there_are) in known.items():
        for node in tree.find_all(kind):
            if node.name not in there_are:
                meant = did_you_mean(node.name, there_are)
                raise BadTemplateError(f"there is no {word} {node.name!r}{meant}", node.lineno, node.name)
    for reaching in tree.find_all(_NOT_HERE):
        word = type(reaching).__name__.lower()
        raise BadTemplateError(f"{word!r} reaches for other templates, and there are none", reaching.lineno, word)


def _word(parser: Parser) -> str:
    token = parser.stream.current
    return str(token.value) if token.type in {"name", "string", "integer"} else str(token)


@contextmanager
def _mistakes_told(text: str) -> Iterator[None]:
    """Raises BadTemplateError for what Jinja says of a text."""
    try:
        yield
    except jinja2.TemplateSyntaxError as error:
        lines = text.splitlines() or [""]
        line = lines[min(error.lineno, len(lines)) - 1].strip()
        shortened = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
        said = _UNENDED if _UNENDED_OF_JINJA in str(error.message) else str(error.message).rstrip(".")
        raise BadTemplateError(f"{said} in {shortened!r}{_hint(text)}", error.lineno, line) from error
    except RecursionError as error:
        raise BadTemplateError("is nested too deep", 1, "") from error
    except ValueError as error:  # of Python, which reads no number of more than 4,300 digits
        raise BadTemplateError("has a number that is too long", 1, "") from error


def _hint(text: str) -> str:
    if "{#" in text and "#}" not in text:
        return "; `{#` begins a comment: write {{ '{#' }} where it is meant as it stands"
    return "; what is meant as it stands goes between {% raw %} and {% endraw %}" if "{{" in text else ""
