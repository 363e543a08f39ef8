"""Scripts reach sh whole, whichever shell the user of the host has."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.ssh.any_shell import sh
from fleetctl.transfer.digests import _SCRIPT as DIGESTS

SHELLS = [
    shell for shell in ("sh", "bash", "dash", "ksh", "zsh", "tcsh", "csh", "fish", "busybox") if shutil.which(shell)
]
SCRIPT = """
set -- "$@" last
for word do
if [ ! "$word" = none ]; then printf '%s|' "$word"; fi  # a comment, and don't stop at a quote
done
printf 'back\\\\slash'
"""
WORDS = ("plain", "two words", "none", "it's", '"quoted"', "$HOME", "*", "-n", "", "back\\slash")


def said(shell: str, script: str, words: tuple[str, ...]) -> str:
    """What a login shell makes of the line, started as sshd starts it."""
    start = [shell, "sh"] if shell == "busybox" else [shell]
    done = subprocess.run([*start, "-c", sh(script, words)], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return done.stdout.decode()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_of_several_lines_runs_from_every_shell(shell: str) -> None:
    expected = "".join(f"{word}|" for word in WORDS if word != "none") + "last|back\\slash"
    assert said(shell, SCRIPT, WORDS) == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_our_longest_script_runs_from_every_shell(shell: str) -> None:
    assert said(shell, DIGESTS, ()).split() == ["end"]


@given(words=st.lists(st.text(st.characters(min_codepoint=1, codec="utf-8"))))
def test_words_arrive_as_they_are(words: list[str]) -> None:
    printed = said("sh", """for word do printf '%s\\0' "$word"; done""", tuple(words))
    assert printed == "".join(f"{word}\0" for word in words)
