"""One flag with a reason, and deadlines that end what would wait for ever."""

from __future__ import annotations

import threading
import time

import pytest

from fleetctl.cancel import Cancel
from fleetctl.errors import Cancelled, Overdue

_PATIENCE = 10.0


def test_the_first_reason_stays() -> None:
    with Cancel() as cancel:
        cancel.set("interrupted")
        cancel.set("something else")
        assert cancel.is_set()
        assert cancel.reason == "interrupted"


def test_it_tells_whether_the_time_was_over_or_somebody_called_it_off() -> None:
    with Cancel() as cancel, Cancel() as other:
        cancel.set("the deadline is over", Overdue)
        cancel.set("interrupted")
        other.set("interrupted")
        assert (cancel.overdue, other.overdue) == (True, False)
        with pytest.raises(Overdue, match="the deadline is over"):
            cancel.check()
        assert type(other.error()) is Cancelled


def test_a_sleep_ends_as_soon_as_the_run_is_called_off() -> None:
    with Cancel() as cancel:
        threading.Timer(0.05, cancel.set, ("stop",)).start()
        started = time.monotonic()
        with pytest.raises(Cancelled, match="stop"):
            cancel.wait(_PATIENCE)
        assert time.monotonic() - started < _PATIENCE


def test_a_deadline_acts_from_outside_and_says_so() -> None:
    acted = threading.Event()
    with Cancel() as cancel, cancel.guard(0.01, acted.set) as guard:
        assert acted.wait(_PATIENCE)
        assert guard.expired


def test_what_is_done_in_time_is_left_alone() -> None:
    acted: list[str] = []
    with Cancel() as cancel:
        with cancel.guard(0.01, lambda: acted.append("too late")) as guard:
            pass
        later = threading.Event()
        with cancel.guard(0.05, later.set):
            assert later.wait(_PATIENCE)
    assert not acted
    assert not guard.expired


def test_calling_off_ends_every_guarded_wait_and_is_no_deadline() -> None:
    waits = [threading.Event() for _ in range(200)]
    with Cancel() as cancel:
        guards = [cancel.guard(_PATIENCE * 10, wait.set) for wait in waits]
        entered = [guard.__enter__() for guard in guards]
        cancel.set("stop")
        assert all(wait.wait(_PATIENCE) for wait in waits)
        assert not any(guard.expired for guard in entered)


def test_nothing_new_begins_once_it_is_called_off() -> None:
    with Cancel() as cancel:
        cancel.set("stop")
        with pytest.raises(Cancelled), cancel.guard(1.0, lambda: None):
            pytest.fail("the block was entered")


def test_the_earliest_deadline_is_met_whatever_the_order_of_entry() -> None:
    late, soon = threading.Event(), threading.Event()
    with Cancel() as cancel, cancel.guard(_PATIENCE * 10, late.set), cancel.guard(0.01, soon.set):
        assert soon.wait(_PATIENCE)
        assert not late.is_set()


def test_the_timer_thread_is_gone_after_close() -> None:
    before = threading.active_count()
    with Cancel() as cancel, cancel.guard(_PATIENCE, lambda: None):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_finished_guards_are_swept_out() -> None:
    with Cancel() as cancel:
        for _ in range(1000):
            with cancel.guard(3600.0, lambda: None):
                pass
        assert len(cancel._guards) < 100


def test_a_deadline_that_is_paused_does_not_pass() -> None:
    acted = threading.Event()
    with Cancel() as cancel, cancel.guard(0.1, acted.set) as guard:
        with cancel.paused(guard):
            assert not acted.wait(0.3)
        assert acted.wait(_PATIENCE)
        assert guard.expired


def test_calling_off_ends_a_paused_wait_too() -> None:
    acted = threading.Event()
    with Cancel() as cancel, cancel.guard(_PATIENCE, acted.set) as guard, cancel.paused(guard):
        cancel.set("stop")
        assert acted.wait(_PATIENCE)
        assert not guard.expired
