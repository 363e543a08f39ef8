"""Option groups: a command takes records, and typer sees their fields as its options.

    @app.command()
    @expanded
    def ping(selection: Selection, output: Output) -> None: ...

Each shared option is so declared once, and the wide signature of a command stops here.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeGuard, get_type_hints

import msgspec


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """The command with each parameter that is annotated with a struct replaced by that struct's fields."""
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if _is_struct(kind)}
    own = [
        parameter.replace(annotation=hints[name])
        for name, parameter in inspect.signature(command).parameters.items()
        if name not in groups
    ]
    options = [parameter for kind in groups.values() for parameter in _parameters(kind)]

    @functools.wraps(command)
    def call(**values: Any) -> None:
        records = {
            name: kind(**{field: values.pop(field) for field in kind.__struct_fields__})
            for name, kind in groups.items()
        }
        command(**records, **values)

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in [*own, *options]]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


@functools.cache
def _parameters(group: type[msgspec.Struct]) -> tuple[inspect.Parameter, ...]:
    return tuple(_made_parameters(group))


def _made_parameters(group: type[msgspec.Struct]) -> Iterator[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    for field in msgspec.structs.fields(group):
        default = inspect.Parameter.empty if field.required else field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        yield inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[field.name]
        )


def _is_struct(kind: object) -> TypeGuard[type[msgspec.Struct]]:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
