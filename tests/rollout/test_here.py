"""A check on this machine: what it says, how long it may take, what it is not told, and that nothing of it stays."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from fleetctl.cancel import Cancel
from fleetctl.errors import Cancelled
from fleetctl.events import ErrorFacts
from fleetctl.rollout.here import check_here
from tests.support.processes import command_line, end


def failed(message: str) -> ErrorFacts:
    return ErrorFacts("check-failed", message)


def test_it_fails_with_the_end_of_what_it_said_and_never_with_all_of_it(cancel: Cancel) -> None:
    assert check_here("true", 60, (), cancel) is None
    assert check_here("echo good; echo bad >&2; exit 3", 60, (), cancel) == failed("exit 3: good | bad")
    assert check_here("kill -9 $$", 60, (), cancel) == failed("killed by signal 9")
    loud = check_here("seq 1000000; exit 1", 60, (), cancel)
    assert loud is not None
    assert loud.message.endswith("| 1000000")
    assert len(loud.message) < 2000


def test_it_does_not_get_variables_that_hold_secrets(cancel: Cancel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "x")
    monkeypatch.setenv("DB_PASSWORD", "x")
    assert check_here('test -n "$KEPT" && test -z "$DB_PASSWORD"', 60, {"DB_PASSWORD"}, cancel) is None


def test_what_it_leaves_in_the_background_is_not_waited_for(cancel: Cancel, tmp_path: Path) -> None:
    command = f"sleep 612 & echo $! > {tmp_path}/pid; exit 1"
    assert check_here(command, 60, (), cancel) == failed("exit 1")
    left = int((tmp_path / "pid").read_text())
    assert Path(f"/proc/{left}").exists()  # it may just be becoming `sleep`, and have no command line yet
    end([left])


@pytest.mark.parametrize("closes", ["", "exec >&- 2>&-; "])
def test_out_of_time_its_process_group_is_ended(cancel: Cancel, tmp_path: Path, closes: str) -> None:
    command = f"echo waiting; {closes}trap '' TERM; sleep 613 & echo $! > {tmp_path}/pid; sleep 613"
    assert check_here(command, 0.5, (), cancel) == failed("did not end within 500ms: waiting")
    assert command_line(int((tmp_path / "pid").read_text())) == ""


def test_called_off_its_process_group_is_ended(cancel: Cancel, tmp_path: Path) -> None:
    threading.Timer(0.3, cancel.set, ("interrupted",)).start()
    with pytest.raises(Cancelled):
        check_here(f"echo $$ > {tmp_path}/pid; exec sleep 614", 60, (), cancel)
    assert command_line(int((tmp_path / "pid").read_text())) == ""
