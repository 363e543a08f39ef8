"""Shells that say more than anyone asked for, where there is no SFTP: they are told, and nothing is changed there."""

from __future__ import annotations

import pytest

from tests.support.beside import Beside
from tests.support.sftp.behaviour import Behaviour
from tests.support.sftp_servers import serve
from tests.support.trees import names, plant, texts

MUCH = b"Welcome\n" * 50_000
MUTE = Behaviour(sftp=False, greeting=MUCH)


def test_a_shell_that_says_too_much_is_sent_nothing(beside: Beside) -> None:
    plant(beside.here, {"t/x": "new"})
    beside.plant({"t/x": "old"})
    with serve(beside.root, MUTE) as server:
        fate = beside(server, "put", "-r", "--via", "tar", beside.here / "t", beside.where)
    assert (fate.status, fate.code) == ("failed", "server-failure")
    assert "says more than it was asked for" in fate.message
    assert "start-up files" in fate.hint
    assert texts(beside.there) == {"t/x": "old"}


def test_what_a_shell_says_is_no_archive(beside: Beside) -> None:
    beside.plant({"t/x": "x"})
    with serve(beside.root, MUTE) as server:
        fate = beside(server, "get", "-r", "--via", "tar", f"{beside.where}/t", beside.here)
    assert fate.status == "failed"
    assert "archive" in fate.message
    assert not names(beside.here / "liar")


@pytest.mark.parametrize("command", ["put", "get"])
def test_a_shell_that_says_too_much_does_not_matter_where_there_is_sftp(beside: Beside, command: str) -> None:
    files = {f"t/{number:02}": str(number) for number in range(40)}
    plant(beside.here, files if command == "put" else {})
    beside.plant(files if command == "get" else {})
    words = (beside.here / "t", beside.where) if command == "put" else (f"{beside.where}/t", beside.here)
    with serve(beside.root, Behaviour(chatter=MUCH)) as server:
        fate = beside(server, command, "-r", *words)
    assert fate.status == "ok"
    assert texts(beside.there if command == "put" else beside.here / "liar") == files
