"""Text from servers made harmless for a terminal: it may be coloured, it may not move the cursor.

Whole control sequences (ECMA-48: CSI, OSC, DCS, SOS, PM, APC) are dropped, other control characters shown
as `^X` or `\\u202e`. Colours (CSI … m) may pass where the caller lets them, blinking and concealed text may not.
What is black on black is there but not seen: who must see all that a host sends does without colours.
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
_SGR = r"""(?:
    0*[0-47] | 2[2-47] | 3[0-79] | 4[0-79] | 9[0-7] | 10[0-7] |        # not 5 and 6, blinking, nor 8, concealed
    [34]8;5;\d{1,3} | [34]8;2(?:;\d{1,3}){3} | [34]8:5:\d{1,3} | [34]8:2(?::\d*)?(?::\d{1,3}){3} |
    )"""
_COLOUR = re.compile(rf"\x1b\[ {_SGR} (?: ; {_SGR} )* m", re.VERBOSE)
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
        return spell_out(_SEQUENCES.sub("", text))
    coloured = False
    pieces = []
    start = 0
    for match in _SEQUENCES.finditer(text):
        pieces.append(spell_out(text[start : match.start()]))
        start = match.end()
        if _COLOUR.fullmatch(match[0]):
            coloured = True
            pieces.append(match[0])
    pieces.append(spell_out(text[start:]))
    return "".join(pieces) + (_RESET if coloured else "")


def sanitize_line(line: bytes, *, colour: bool) -> bytes:
    """One line of a host's output, without its newline, for a terminal; what is not UTF-8 becomes U+FFFD."""
    return sanitize(line.removesuffix(b"\r").decode(errors="replace"), colour=colour).encode()


def spell_out(text: str) -> str:
    """One line of text with its control characters shown, those of control sequences too: nothing is dropped."""
    return _CONTROL.sub(lambda match: _shown(match[0]), text)


def _shown(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return f"^{chr(code + 0x40)}"
    return "^?" if code == 0x7F else f"\\u{code:04x}"
