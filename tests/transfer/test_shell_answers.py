"""Small scripts on a real host: their answer is short and soon there, or they are cut off."""

from __future__ import annotations

import os

import pytest

from fleetctl.cancel import Cancel
from fleetctl.errors import Cancelled, ServerFailure, TimedOut
from fleetctl.ssh.session import Session
from fleetctl.transfer.shell import ask

FOR_EVER = "sleep 60"


def test_what_a_script_says_and_how_it_ends_is_told(session: Session, cancel: Cancel) -> None:
    assert ask(session, "echo out; echo err >&2; exit 7", (), cancel) == (7, b"out\n", b"err\n")
    assert ask(session, "kill -9 $$", (), cancel) == (None, b"", b"")


@pytest.mark.parametrize(
    "word", ["", " ", "it's", '"$HOME"', "a\nb", "-n", "*", "\\", "$(exit 1)", os.fsdecode(b"\xff")]
)
def test_words_reach_a_script_as_they_are(session: Session, cancel: Cancel, word: str) -> None:
    script = 'printf "%s|%s|%s" $# "$1" "$2"'
    assert ask(session, script, (word, "next"), cancel)[1] == b"2|%b|next" % os.fsencode(word)


@pytest.mark.parametrize("where", ["1", "2"])
def test_an_answer_without_end_is_cut_off(session: Session, cancel: Cancel, where: str) -> None:
    with pytest.raises(ServerFailure, match="says more than it was asked for") as told:
        ask(session, f"exec yes >&{where}", (), cancel)
    assert "start-up files" in told.value.hint
    session._transport.join(20)
    assert not session.alive


def test_both_streams_count_together(session: Session, cancel: Cancel) -> None:
    script = "printf 12345; printf 678 >&2"
    assert ask(session, script, (), cancel, most=8) == (0, b"12345", b"678")
    with pytest.raises(ServerFailure):
        ask(session, script, (), cancel, most=7)


@pytest.mark.parametrize("script", [FOR_EVER, f"exec >&- 2>&-; {FOR_EVER}", f"echo almost; {FOR_EVER}"])
def test_a_script_that_does_not_end_is_given_up(session: Session, cancel: Cancel, script: str) -> None:
    """Also when it has said all that it will, and its output has ended."""
    with pytest.raises(TimedOut, match=r"0\.3 s"):
        ask(session, script, (), cancel, seconds=0.3)


def test_a_script_that_waits_for_input_sees_its_end(session: Session, cancel: Cancel) -> None:
    assert ask(session, "cat; echo over", (), cancel) == (0, b"over\n", b"")


def test_a_script_is_called_off_with_the_run(session: Session, cancel: Cancel) -> None:
    cancel.set("enough")
    with pytest.raises(Cancelled, match="enough"):
        ask(session, FOR_EVER, (), cancel)
