"""Which Ctrl-C asks, which calls off, which leaves: without waiting for any time to pass."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from fleetctl.cancel import Cancel
from fleetctl.cli.interrupts import SOON_SECONDS, Interrupts

PATIENCE = 30.0


class Told:
    """Counts how often who runs was told, and lets a test wait for it."""

    def __init__(self, *, works: bool = True) -> None:
        self.times = threading.Semaphore(0)
        self._works = works

    def __call__(self) -> bool:
        self.times.release()
        return self._works


def ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def called_off(cancel: Cancel) -> str:
    assert cancel._flag.wait(PATIENCE)
    return cancel.reason


def test_a_second_ctrl_c_that_comes_late_is_a_first_one_again(cancel: Cancel, monkeypatch: pytest.MonkeyPatch) -> None:
    told, now = Told(), [100.0]
    monkeypatch.setattr("fleetctl.cli.interrupts.time", type("Clock", (), {"monotonic": staticmethod(lambda: now[0])}))
    with Interrupts(cancel, tell=told):
        for _ in range(3):
            ctrl_c()
            assert told.times.acquire(timeout=PATIENCE)
            assert not cancel.is_set()
            now[0] += SOON_SECONDS + 0.1
        now[0] -= 0.2
        ctrl_c()
        assert called_off(cancel) == "interrupted"
    assert not told.times.acquire(blocking=False)


@pytest.mark.parametrize("tell", [None, Told(works=False)])
def test_where_nobody_can_be_told_the_first_ctrl_c_calls_off(cancel: Cancel, tell: Told | None) -> None:
    with Interrupts(cancel, tell=tell):
        ctrl_c()
        assert called_off(cancel) == "interrupted"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_ask_nothing(cancel: Cancel, number: signal.Signals) -> None:
    told = Told()
    with Interrupts(cancel, tell=told):
        os.kill(os.getpid(), number)
        called_off(cancel)
    assert not told.times.acquire(blocking=False)


_LEAVES = """
import os, signal
from fleetctl.cancel import Cancel
from fleetctl.cli.interrupts import Interrupts
def tell(word):
    print(word, flush=True)
    return True
with Cancel() as cancel, Interrupts(cancel, lambda: tell("tidied"), lambda: tell("told")):
    print("ready", flush=True)
    while True:
        signal.pause()
"""


def test_the_third_ctrl_c_leaves_at_once_and_tidies() -> None:
    with subprocess.Popen([sys.executable, "-c", _LEAVES], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "told\n"
        until = time.monotonic() + PATIENCE
        while child.poll() is None and time.monotonic() < until:
            child.send_signal(signal.SIGINT)
            heed(child)
        assert child.stdout.read() == "tidied\n"
        assert child.returncode == 130


def heed(child: subprocess.Popen[str]) -> None:
    """Two signals that are pending at once are but one: give each a moment."""
    try:
        child.wait(0.2)
    except subprocess.TimeoutExpired:
        return
