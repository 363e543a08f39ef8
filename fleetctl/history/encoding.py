"""Records as bytes. Text that is none, such as the name of a file in another encoding, is kept readable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import msgspec

_encoder = msgspec.msgpack.Encoder()


def encode(value: Any) -> bytes:
    """As MessagePack."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(everywhere(msgspec.to_builtins(value, builtin_types=(bytes,)), readable))


def readable(text: str) -> str:
    """The text with bytes that are no characters written as `\\xff`."""
    if not _is_odd(text):
        return text
    try:
        return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
    except UnicodeEncodeError:  # half a character, and no byte that Python has kept
        return text.encode(errors="surrogatepass").decode(errors="backslashreplace")


def everywhere(value: Any, change: Callable[[str], str]) -> Any:
    """A record, taken apart, with all the text in it changed."""
    match value:
        case str():
            return change(value)
        case dict():
            return {key: everywhere(one, change) for key, one in value.items()}
        case list() | tuple():
            return [everywhere(one, change) for one in value]
        case _:
            return value


def texts_in(value: Any) -> Iterator[str]:
    """All of it."""
    match value:
        case str():
            yield value
        case dict():
            yield from chain.from_iterable(map(texts_in, value.values()))
        case list() | tuple():
            yield from chain.from_iterable(map(texts_in, value))


def _is_odd(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
