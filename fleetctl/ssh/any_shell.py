"""POSIX sh scripts as a command line that every login shell passes on whole: sh, bash, zsh, csh, tcsh, fish."""

from __future__ import annotations

import shlex
from collections.abc import Sequence


def sh(script: str, words: Sequence[str]) -> str:
    """The command line that runs a script with words as $1, $2 …, whichever shell the user has.

    Words are as they are: with a new line or `!` in one, in a C shell, it fails. The script is no $0, which complaints
    of the shell begin with.
    """
    return shlex.join(["exec", "sh", "-c", 'eval "shift; $(printf %b "$1")"', "sh", hidden(script), *words])


def hidden(text: str) -> str:
    """The text for `printf %b`, without what shells make of it even between quotes.

    The C shells take neither a new line nor `!` between quotes, so these go as octal digits; fish takes two backslashes
    for one, so there are none.
    """
    return "".join(f"\\0{ord(char):03o}" if char in "\n!\\" else char for char in text)
