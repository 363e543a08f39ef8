"""One line of an ssh_config file: its keyword and its arguments, parted as OpenSSH parts them (misc.c: argv_split)."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from fleetctl.errors import Problem
from fleetctl.inventory.levels import Given

LEVEL = "ssh_config"
_LINE = r'[ \t\r]*=?[ \t\r]*"?(?P<keyword>[^\s="#]+)"?[ \t\r]*=?[ \t\r]*(?P<rest>.*?)[ \t\r\f]*'
_BLANK = " \t"
_ESCAPABLE = "'\"\\"
_OLD_NAMES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
    "hostbasedkeytypes": "hostbasedacceptedalgorithms",
    "identityfile2": "identityfile",
    "keepalive": "tcpkeepalive",
    "protocolkeepalives": "serveraliveinterval",
    "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
    "skeyauthentication": "kbdinteractiveauthentication",
    "smartcarddevice": "pkcs11provider",
    "tisauthentication": "kbdinteractiveauthentication",
}


class Line(msgspec.Struct, frozen=True, eq=False):
    """A directive.

    Args:
        keyword: in lower case, by its present name.
        written: the keyword as it stands in the file.
        words: the arguments, quotes and trailing comment taken off.
        rest: all behind the keyword, as it stands there.
        file: as it is told to the user, `~` for the home.
        own: whether it is of the user's own files, and not of the system-wide ones.
    """

    keyword: str
    written: str
    words: tuple[str, ...]
    rest: str
    file: Path
    number: int
    own: bool

    @property
    def place(self) -> str:
        return f"{self.file}:{self.number}"

    def problem(self, message: str) -> Problem:
        return Problem(self.file, self.number, self.written, message)

    def given(self, value: object) -> Given:
        """A setting that this line gives."""
        return Given(value, LEVEL, self.file, self.number, self.written)


def parse(text: str, file: Path, number: int, *, own: bool) -> Line | None:
    """The directive of a line, None where there is none. Raises: ValueError when it cannot be parted."""
    match = re.fullmatch(_LINE, text, re.DOTALL)
    if match is None:
        if text.strip(" \t\r\f=") in {"", '"'} or text.lstrip().startswith("#"):
            return None
        raise ValueError(f"cannot be read: {text.strip()}")
    written, rest = match["keyword"], match["rest"]
    keyword = written.lower()
    if not rest:
        raise ValueError("has no argument")
    return Line(_OLD_NAMES.get(keyword, keyword), written, split(rest), rest, file, number, own)


def split(text: str) -> tuple[str, ...]:
    """Words between blanks; quotes of both kinds hold them together, and a word that begins with # ends them.

    Raises: ValueError for a quote without its end.
    """
    if not any(char in text for char in "\"'\\#"):
        return tuple(re.split(r"[ \t]+", text.strip(_BLANK)))
    words = []
    place = 0
    while place < len(text):
        if text[place] in _BLANK:
            place += 1
        elif text[place] == "#":
            break
        else:
            word, place = _word(text, place)
            words.append(word)
    return tuple(words)


def _word(text: str, place: int) -> tuple[str, int]:
    """The word that begins at a place, and where it ends."""
    taken: list[str] = []
    quote = ""
    while place < len(text) and (quote or text[place] not in _BLANK):
        char, after = text[place], text[place + 1 : place + 2]
        if char == "\\" and after and (after in _ESCAPABLE or (after == " " and not quote)):
            taken.append(after)
            place += 1
        elif char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote = char
        else:
            taken.append(char)
        place += 1
    if quote:
        raise ValueError("has a quote without its end")
    return "".join(taken), place
