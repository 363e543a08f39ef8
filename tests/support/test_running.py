"""Watching a process that runs: its words, its keyboard, its signals, its end."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.support.running import Ran, Running, start_on_terminal, start_piped

ECHO = "import sys\nfor line in sys.stdin: print('heard', line.strip(), flush=True)"
SLEEP = "import time; print('ready', flush=True); time.sleep(1000)"
TERMINAL = "import os, sys; print(sys.stdout.isatty(), os.get_terminal_size().columns, flush=True)"


def piped(program: str, *, keyboard: bool = False) -> Running:
    return start_piped([sys.executable, "-c", program], {}, Path.cwd(), keyboard=keyboard)


def on_terminal(program: str) -> Running:
    return start_on_terminal([sys.executable, "-c", program], {}, Path.cwd(), 90, 20)


def test_stdout_and_stderr_are_kept_apart() -> None:
    with piped("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)") as running:
        ran = running.finish()
    assert (ran.stdout, ran.stderr, ran.exit_code) == ("out\n", "err\n", 3)


def test_what_is_typed_arrives() -> None:
    with piped(ECHO, keyboard=True) as running:
        running.type("one\n")
        running.wait_for("heard one")
        running.type("two\n")
        running.wait_for("heard two")


def test_a_signal_can_follow_an_awaited_word() -> None:
    with piped(SLEEP) as running:
        running.wait_for("ready")
        running.signal(signal.SIGTERM)
        assert running.finish().exit_code == -signal.SIGTERM


def test_ctrl_c_on_a_terminal_is_an_interrupt() -> None:
    with on_terminal(SLEEP) as running:
        running.wait_for("ready")
        running.type("\x03")
        ran = running.finish()
    assert "KeyboardInterrupt" in ran.stdout
    assert ran.exit_code == -signal.SIGINT


def test_a_terminal_has_the_width_asked_for() -> None:
    with on_terminal(TERMINAL) as running:
        assert running.finish().stdout == "True 90\r\n"


def test_a_word_that_never_comes_fails_with_what_was_said() -> None:
    with piped("print('something else')") as running, pytest.raises(AssertionError, match="something else"):
        running.wait_for("ready")


def test_leaving_the_block_ends_the_process() -> None:
    with piped(SLEEP) as running:
        running.wait_for("ready")
    assert running.process.returncode == -signal.SIGKILL


def test_events_are_one_a_line_and_json_is_the_whole() -> None:
    assert Ran((), 0, b'{"a": 1}\n{"b": 2}\n', b"").events == [{"a": 1}, {"b": 2}]
    assert Ran((), 0, b'{"a":\n1}', b"").json == {"a": 1}
