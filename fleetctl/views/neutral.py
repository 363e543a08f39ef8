"""Text from servers made harmless for a terminal: it may be coloured, it may not move the cursor or hide.

Whole control sequences (ECMA-48: CSI, OSC, DCS, SOS, PM, APC) are dropped, other control characters shown
as `^X` or `\\u202e`. Colours (CSI … m) may pass where the caller lets them.
"""

from __future__ import annotations

import re

_SEQUENCES = re.compile(
    r"""(?: \x1b \[ | \x9b ) [0-?]* [ -/]* (?: [@-~] | \Z )        # CSI, even if cut off
      | (?: \x1b [\]PX^_] | [\x9d\x90\x98\x9e\x9f] ) .*? (?: \x07 | \x1b \\ | \x9c | \Z )  # strings
      | \x1b [ -/]+ [0-~]                                          # two- and three-letter escapes
      | \x1b [0-Z\\-~]
    """,
    re.VERBOSE | re.DOTALL,
)
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_HARMLESS = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]*")
_RESET = "\x1b[0m"


def sanitize(text: str, *, colour: bool = False) -> str:
    """One line of text without anything a terminal would act on.

    Args:
        colour: let colours pass; they are ended with the text.
    """
    if _HARMLESS.fullmatch(text):
        return text
    if not colour:
        return _plain(_SEQUENCES.sub("", text))
    coloured = False
    pieces = []
    start = 0
    for match in _SEQUENCES.finditer(text):
        pieces.append(_plain(text[start : match.start()]))
        start = match.end()
        if _COLOUR.fullmatch(match[0]):
            coloured = True
            pieces.append(match[0])
    pieces.append(_plain(text[start:]))
    return "".join(pieces) + (_RESET if coloured else "")


def sanitize_line(line: bytes, *, colour: bool) -> bytes:
    """One line of a host's output, without its newline, for a terminal; what is not UTF-8 becomes U+FFFD."""
    return sanitize(line.removesuffix(b"\r").decode(errors="replace"), colour=colour).encode()


def _plain(text: str) -> str:
    return _CONTROL.sub(lambda match: _shown(match[0]), text)


def _shown(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return f"^{chr(code + 0x40)}"
    return "^?" if code == 0x7F else f"\\u{code:04x}"
