"""Jinja2, kept on a short leash: sandboxed, undefined names are errors, and what a host said is never a template.

Values of hosts go into templates and never become one: nothing that was rendered is rendered again.
"""

from __future__ import annotations

import functools
import re
import shlex
import traceback
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from fleetctl.errors import FleetError, TemplateFailed
from fleetctl.inventory.document import told
from fleetctl.jobs import bounds
from fleetctl.jobs.texts import Expression

NAMES = ("host", "vars", "steps", "facts", "run", "item", "index", "result")
"""What templates may see; the last three where they have a meaning."""

_ALONE = re.compile(r"\s*\{\{(?P<inside>.*)\}\}\s*", re.DOTALL)
_LISTS = (Iterator, range, KeysView, ValuesView, ItemsView)
_SHOWN = 80
_MISTAKES = (
    jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError, MemoryError
)  # fmt: skip
"""What working out a template may raise that is no fault of ours."""


def quote(value: object) -> str:
    """A value as one word of a shell; of a list, each item as a word."""
    if isinstance(value, jinja2.Undefined):
        str(value)  # it says what is missing
    value = settled(value)
    if isinstance(value, list | tuple):
        return " ".join(map(quote, value))
    return shlex.quote(as_text(value))


def settled(value: Any) -> Any:
    """A list where it is what makes one: `map` and `items` of Jinja, a range, the keys of a mapping."""
    return list(value) if isinstance(value, _LISTS) else value


def as_text(value: object) -> str:
    """As it stands in a rendered template: true, and not True; nothing for None."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's own, within bounds, in which `vars.items` is the variable of that name, and no method of the mapping."""

    intercepted_binops = bounds.OPERATORS
    context_class = bounds.Counting

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        bounds.check_operands(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, called: Any, /, *given: Any, **named: Any) -> Any:
        of = getattr(called, "__self__", None)
        if isinstance(of, str | int):
            bounds.check_call(called.__name__, (of, *given, *named.values()))
        return bounds.checked(super().call(context, called, *given, **named))

    def _generate(self, source: nodes.Template, *more: Any, **named: Any) -> str:
        return super()._generate(bounds.with_bounds(source), *more, **named)


class _NotThere(jinja2.StrictUndefined):
    """What is not there, said in the words of jobs: vars has no 'zz'."""

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint or self._undefined_obj is missing:
            return str(super()._undefined_message)
        around = getattr(self._undefined_obj, "called", None) or told(self._undefined_obj)
        return f"{around} has no {self._undefined_name!r}"


@functools.cache
def environment() -> jinja2.Environment:
    """The one that all templates of jobs are read with."""
    made = _Environment(undefined=_NotThere, keep_trailing_newline=True, finalize=_finalized)
    made.filters["quote"] = quote
    made.policies["json.dumps_kwargs"] = {"sort_keys": True, "default": _plain}
    del made.globals["lipsum"]
    made.filters = {name: bounds.bounded(name, work) for name, work in made.filters.items()} | bounds.FILTERS
    return made


def _plain(value: object) -> object:
    """What `tojson` cannot write by itself: `vars` and `facts`, and what makes a list."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, _LISTS):
        return list(value)
    raise TypeError(f"{told(value)} cannot be written as JSON")


def filters() -> list[str]:
    """Those that templates may name."""
    return sorted(environment().filters.keys() - bounds.FILTERS.keys())


def _finalized(value: object) -> object:
    value = settled(value)
    return as_text(value) if value is None or isinstance(value, bool) else value


class Renderer:
    """Works templates out on one host, with the values that it has. For one thread.

    Args:
        values: by the names that templates know.
        where: the step's file and line, for errors.
    """

    def __init__(self, values: Mapping[str, Any], where: str = "") -> None:
        self._values = values
        self._where = where

    def with_values(self, **more: Any) -> Renderer:
        """One that knows these, too."""
        return Renderer({**self._values, **more}, self._where)

    def text(self, template: str) -> str:
        """What goes into a command, a path or a variable. Raises: as `data`, and TemplateFailed for a NUL."""
        text = self.data(template)
        if "\0" in text:
            raise TemplateFailed(
                f"{self._place}{_shown(template)!r} comes to text with a NUL, and no command, path or variable has one",
                hint="`stdin` takes any text",
            )
        return text

    def data(self, template: str) -> str:
        """The template with its values. Raises: TemplateFailed, and what gathering facts raises."""
        if "{" not in template:
            return template
        return str(self._worked_out(template, lambda: _template(template).render(self._values)))

    def file(self, text: str, path: str) -> str:
        """The text of a template file with its values. Raises: TemplateFailed with its line, and as above."""
        try:
            return _file(text, path).render(self._values)
        except FleetError:
            raise
        except _MISTAKES as error:
            raise TemplateFailed(f"{path}:{_line(error, path)}: {_said(error)}") from error

    def value(self, expression: str) -> Any:
        """What an expression comes to; text in `{{ }}` is one, too. Raises: as above."""
        inside = alone(expression)
        return self._worked_out(expression, lambda: settled(_given(_expression(inside)(**self._values))))

    def holds(self, expression: Expression) -> bool:
        """Whether it is true. Raises: as above."""
        return bool(self.value(expression))

    def everywhere(self, value: Any) -> Any:
        """A value of the job file with all the text in it worked out. Raises: as above."""
        match value:
            case str():
                inside = _ALONE.fullmatch(value)
                lonely = inside is not None and "{{" not in inside["inside"] and "}}" not in inside["inside"]
                return self.value(value) if lonely else self.data(value)
            case Mapping():
                return {key: self.everywhere(one) for key, one in value.items()}
            case list() | tuple():
                return [self.everywhere(one) for one in value]
            case _:
                return value

    @property
    def _place(self) -> str:
        return f"{self._where}: " if self._where else ""

    def _worked_out(self, text: str, work: Any) -> Any:
        try:
            return work()
        except FleetError:  # facts are gathered when they are first asked for
            raise
        except _MISTAKES as error:
            raise TemplateFailed(f"{self._place}{_shown(text)!r}: {_said(error)}", hint=_hint(error)) from error


def alone(expression: str) -> str:
    """The expression, without the `{{ }}` that it may stand in."""
    found = _ALONE.fullmatch(expression)
    return found["inside"].strip() if found is not None else expression


def _shown(text: str) -> str:
    return (text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…").strip()


def _given(value: Any) -> Any:
    if isinstance(value, jinja2.Undefined):
        str(value)  # raises, and says what is missing
    return value


def _said(error: Exception) -> str:
    message = str(error)
    return message if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: {message}"


def _hint(error: Exception) -> str:
    if isinstance(error, TypeError):
        return "what hosts say and -e gives is text: `| int` makes a number of it"
    return "`fleetctl job check` finds most of these"


@functools.lru_cache(maxsize=1024)
def _template(text: str) -> jinja2.Template:
    return environment().from_string(text)


@functools.lru_cache(maxsize=64)
def _file(text: str, path: str) -> jinja2.Template:
    """One of which errors tell the file."""
    known = environment()
    return known.template_class.from_code(known, known.compile(text, path, path), known.make_globals(None))


def _line(error: Exception, path: str) -> int:
    """Of the template file: the deepest that is on the way to the error."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        return error.lineno
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == path]
    return lines[-1] if lines else 1


@functools.lru_cache(maxsize=1024)
def _expression(text: str) -> Any:
    return environment().compile_expression(text, undefined_to_none=False)
