"""What the options for repeatable commands come to, on the command line and on a host."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from fleetctl.cli.repeat_options import Repetition
from fleetctl.cli.repeating import repeat_of
from fleetctl.operations.repeat import Repeat, until
from tests.support.fleetctl import Fleetctl
from tests.support.sshd import Sshd


def test_each_alone_is_enough_and_has_good_defaults() -> None:
    assert repeat_of(Repetition()) is None
    assert repeat_of(Repetition(retry_commands=7)) == Repeat(7, 5.0)
    assert repeat_of(Repetition(until="exit<3", delay=0.5)) == Repeat(3, 0.5, until("exit<3"))
    assert repeat_of(Repetition(until_output="up")) == Repeat(3, 5.0, output="up")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Repetition(delay=1.0), "--delay is for --retry-commands"),
        (Repetition(until="0"), "--until: '0' is no condition"),
        (Repetition(until_output="("), "--until-output: '\\('"),
    ],
)
def test_mistakes_are_told(options: Repetition, words: str) -> None:
    with pytest.raises(typer.BadParameter, match=words):
        repeat_of(options)


def test_a_command_is_run_again_until_its_output_says_so(
    fleetctl: Fleetctl, sshd: Sshd, far: Path, tmp_path: Path
) -> None:
    """Each try leaves a line; one takes too long and is killed, one comes to nothing, one is right."""
    line = f"echo x >>{far}/tries; case $(wc -l <{far}/tries) in 1) sleep 600;; 2) echo no;; *) cat {far}/tries;; esac"
    words = ("--timeout", "2s", "--until-output", "^x$", "--retry-commands", "5", "--delay", "100ms")
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 1), "-o", "json", *words, line)
    (host,) = ran.json["hosts"]
    assert (host["status"], host["repeats"], host["attempts"], host["remote_ended"]) == ("ok", 2, 1, True), host
    assert host["stdout"] == "no\nx\nx\nx\n"
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 1), "--until", "exit!=0", "--delay", "1ms", "true")
    assert "failed       h001  exit!=0 did not hold in 4 tries" in ran.stderr
    assert ran.exit_code == 1
