"""What a command on a lab host finds, and how its end and its streams reach the client."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import asyncssh
import pytest

from fleetctl.lab import Lab
from tests.support.lab_client import run, talk


def test_a_command_has_its_streams_apart_and_its_exit_status(lab: Lab) -> None:
    done = run(lab, "lab01", "echo out; echo err >&2; exit 7")
    assert (done.stdout, done.stderr, done.status) == (b"out\n", b"err\n", 7)


def test_a_command_not_found_is_127(lab: Lab) -> None:
    done = run(lab, "lab01", "no-such-command")
    assert done.status == 127
    assert b"no-such-command" in done.stderr


@pytest.mark.parametrize("signal", ["KILL", "TERM", "SEGV"])
def test_death_by_a_signal_is_reported_as_that_signal(lab: Lab, signal: str) -> None:
    done = run(lab, "lab01", f"kill -{signal} $$")
    assert (done.status, done.signal) == (None, signal)


def test_a_command_starts_in_its_hosts_home(lab: Lab) -> None:
    done = run(lab, "lab02", 'pwd; echo "$HOME $FLEETCTL_LAB_HOST $USER"')
    home = lab.home("lab02")
    assert done.stdout.decode() == f"{home}\n{home} lab02 {lab.user}\n"


def test_hosts_have_homes_of_their_own(lab: Lab) -> None:
    run(lab, "lab01", "echo one > mine")
    assert run(lab, "lab01", "cat mine").stdout == b"one\n"
    assert run(lab, "lab02", "cat mine").status == 1


def test_variables_that_the_client_asks_for_are_set(lab: Lab) -> None:
    assert run(lab, "lab01", 'echo "$GREETING"', env={"GREETING": "good day"}).stdout == b"good day\n"


def test_secrets_of_the_process_that_serves_are_not_in_the_environment(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "hush")
    with Lab(place, 1) as lab:
        assert b"hush" not in run(lab, "lab01", "env").stdout


def test_stdin_reaches_the_command_whole(lab: Lab) -> None:
    sent = os.urandom(3_000_000)
    assert run(lab, "lab01", "cat", stdin=sent).stdout == sent


def test_a_command_may_open_its_stdin_anew(lab: Lab) -> None:
    assert run(lab, "lab01", "cat /dev/stdin", stdin=b"hello").stdout == b"hello"


def test_a_command_that_does_not_read_its_stdin_ends_all_the_same(lab: Lab) -> None:
    assert run(lab, "lab01", "exit 4", stdin=bytes(1_000_000)).status == 4


def test_much_output_comes_whole(lab: Lab) -> None:
    assert len(run(lab, "lab01", "head -c 20000000 /dev/zero").stdout) == 20_000_000


def test_a_terminal_is_there_when_asked_for(lab: Lab) -> None:
    done = run(lab, "lab01", "test -t 0 && test -t 1 && stty size; echo $TERM; ps -o tty= -p $$; exit 3",
                term_type="vt100", term_size=(100, 40))  # fmt: skip
    size, term, controlling = done.stdout.decode().split("\r\n")[:3]
    assert (size, term, done.status) == ("40 100", "vt100", 3)
    assert controlling.strip() != "?"


def test_no_terminal_is_there_otherwise(lab: Lab) -> None:
    assert run(lab, "lab01", "tty").stdout == b"not a tty\n"


@pytest.mark.parametrize("channel", [{}, {"term_type": "vt100"}])
def test_a_shell_does_what_is_typed(lab: Lab, channel: dict[str, str]) -> None:
    done = run(lab, "lab01", None, stdin=b"echo $((6 * 7)) $FLEETCTL_LAB_HOST\nexit 5\n", **channel)
    assert b"42 lab01" in done.stdout
    assert done.status == 5


def test_a_signal_reaches_the_whole_process_group(lab: Lab) -> None:
    fifo, reader = make_fifo(lab, "lab03", "signalled")

    async def part(connection: asyncssh.SSHClientConnection) -> str | None:
        process = await connection.create_process(f"exec 3>{fifo}; sleep 1000 & echo ready; sleep 1000; true")
        await process.stdout.readline()
        process.send_signal("TERM")
        await process.wait_closed()
        return process.exit_signal[0] if process.exit_signal else None

    assert talk(lab, "lab03", part) == "TERM"
    assert ended(reader)


@pytest.mark.parametrize("how", ["channel", "connection", "busy-channel"])
def test_a_command_and_its_children_end_with_what_they_came_by(lab: Lab, how: str) -> None:
    fifo, reader = make_fifo(lab, "lab04", how)

    async def part(connection: asyncssh.SSHClientConnection) -> None:
        command = f"exec 3>{fifo}; echo ready; sleep 1000 & sleep 1000"
        process = await connection.create_process(command, encoding=None)
        await process.stdout.readline()
        if how == "busy-channel":
            process.stdin.write(bytes(1_000_000))
        if how != "connection":
            process.close()
            assert await asyncio.to_thread(ended, reader)

    talk(lab, "lab04", part)
    assert how != "connection" or ended(reader)


def test_what_a_command_leaves_in_the_background_lives_on(lab: Lab) -> None:
    left, reader = make_fifo(lab, "lab05", "left")
    go, other = make_fifo(lab, "lab05", "go")
    done = run(lab, "lab05", f"{{ cat {go} > {left}; }} >/dev/null 2>&1 & exit 6")
    assert done.status == 6
    (lab.home("lab05") / go).write_text("late")
    os.close(other)
    os.set_blocking(reader, True)
    with os.fdopen(reader, "rb") as fifo:
        assert fifo.read() == b"late"


def make_fifo(lab: Lab, name: str, fifo: str) -> tuple[str, int]:
    """Returns: what a command on that host calls it, and a descriptor that reads from it."""
    path = lab.home(name) / fifo
    os.mkfifo(path)
    return fifo, os.open(path, os.O_RDONLY | os.O_NONBLOCK)


def ended(reader: int) -> bool:
    """Wait until nobody has the FIFO open for writing any more."""
    os.set_blocking(reader, True)
    with os.fdopen(reader, "rb") as fifo:
        return fifo.read() == b""
