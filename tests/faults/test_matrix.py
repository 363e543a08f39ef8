"""Every fault beside sound hosts, for every operation: its own host pays for it, as the table says, and nobody else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from fleetctl.cancel import Cancel
from fleetctl.engine.task import AnyOperation, Policy
from fleetctl.fleet import Fleet
from fleetctl.inventory import Overrides, load
from fleetctl.operations.command import Command
from fleetctl.operations.get import Get
from fleetctl.operations.ping import Ping
from fleetctl.operations.put import Put
from fleetctl.publishing import publish
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.destination import Destination
from fleetctl.transfer.getting import Origin
from fleetctl.transfer.local import gather
from fleetctl.transfer.patterns import Filter
from tests.support import processes
from tests.support.accounts import Told, output, settled
from tests.support.fleetctl import Fleetctl
from tests.support.holding import nothing_left_behind
from tests.support.sshd import Sshd, SshdStarter
from tests.support.trouble import IN_MID_STREAM, LINE, SAID, SOUND, in_trouble

PATIENCE = ("--connect-timeout", "2", "--login-timeout", "6", "--retries", "0")
PAYLOAD = os.urandom(1_500_000)
OLDER = b"older"
GIGABYTE = 1_000_000_000
MOST_MEMORY = 200_000_000
NOT_OUTPUT = 48 * 1024
"""Of what passed: the key exchange, and a last packet that is not whole, of 32 KiB at most."""

Fate = tuple[str, str]
"""Status and code of the error."""
OK: Fate = ("ok", "")
LOST: Fate = ("unreachable", "connection-lost")
LATE: Fate = ("unreachable", "connect-timeout")
OVER: Fate = ("timeout", "timed-out")
SHUT: Fate = ("error", "channel-refused")

WHATEVER_IS_DONE: dict[str, Fate] = {
    "refused": ("unreachable", "connection-refused"),
    "black-hole": LATE,
    "banner-stall": LATE,
    "kex-stall": LATE,
    "reset-before-login": ("unreachable", "protocol-failure"),
    "reset-after-login": LOST,
}
MOVED: dict[str, Fate] = {
    "hangs": OK, "hangs-after-output": OK, "signal": OK, "fails": OK,
    "reset-in-mid-stream": LOST, "channel-refused": SHUT, "sftp-cut": LOST, "sftp-stall": OVER,
}  # fmt: skip
FATES: dict[str, dict[str, Fate]] = {
    "run": {
        "hangs": OVER, "hangs-after-output": OVER, "signal": ("failed", "killed"), "fails": ("failed", ""),
        "reset-in-mid-stream": LOST, "channel-refused": SHUT, "sftp-cut": OK, "sftp-stall": OK,
    },
    "put": MOVED,
    "get": MOVED,
    "ping": {
        "hangs": OK, "hangs-after-output": OK, "signal": OK, "fails": OK,
        "reset-in-mid-stream": OK, "channel-refused": OK, "sftp-cut": OK, "sftp-stall": OK,
    },
}  # fmt: skip


@pytest.mark.parametrize("operation", FATES)
def test_every_fault_is_the_end_of_its_own_host_only(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, here: Path, far: Path, operation: str
) -> None:
    roots = tmp_path / "roots"
    (here / "payload").write_bytes(PAYLOAD)
    with in_trouble(start_sshd, tmp_path, far.name, sent=operation == "put") as (sshd, inventory):
        for directory in (far, *roots.glob(f"*/{far.name}")):
            (directory / "payload").write_bytes(PAYLOAD if operation == "get" else OLDER)
        words = {
            "run": ("--timeout", "6", LINE),
            "put": ("--timeout", "6", here / "payload", far.name),
            "get": ("--timeout", "6", f"{far.name}/payload", here),
            "ping": (),
        }
        ran = fleetctl(operation, "-o", "ndjson", "-i", inventory, *PATIENCE, *words[operation])
        sshd.wait_for_sessions()
        assert sshd.running() == []
    expected = dict.fromkeys(SOUND, OK) | WHATEVER_IS_DONE | FATES[operation]
    outcomes = settled(ran.events, expected)
    assert {host: _fate(outcome) for host, outcome in outcomes.items()} == expected
    assert ran.exit_code == 3
    done = [host for host, fate in expected.items() if fate == OK]
    if operation == "run":
        check_output(ran.events, done)
        assert {host for host, outcome in outcomes.items() if outcome["killed"]} == {"hangs", "hangs-after-output"}
        unknown = {host for host, outcome in outcomes.items() if not outcome["remote_ended"]}
        assert unknown == {"reset-after-login", "reset-in-mid-stream"}
    elif operation == "put":
        assert (far / "payload").read_bytes() == PAYLOAD
        assert {path.read_bytes() for path in roots.glob("*/*/payload")} == {OLDER}
    elif operation == "get":
        assert {path.parent.name: path.read_bytes() for path in here.glob("*/payload")} == dict.fromkeys(done, PAYLOAD)


def test_no_fault_leaves_a_thread_or_a_descriptor_behind(
    start_sshd: SshdStarter, tmp_path: Path, here: Path, far: Path
) -> None:
    """The same in one process, whose sessions are kept for the next operation."""
    (here / "payload").write_bytes(PAYLOAD)
    (far / "payload").write_bytes(PAYLOAD)
    tree = gather([str(here / "payload")], recursive=False, links="copy", choice=Filter())
    choices = Choices(timeout=3)
    operations: Sequence[AnyOperation] = (
        Command(LINE, timeout=3),
        Put(("payload",), Destination(far.name), tree, choices=choices),
        Get(Origin((f"{far.name}/payload",), str(here)), choices),
        Ping(),
    )
    policy = Policy(retries=0, login_timeout=3)
    with (
        nothing_left_behind(),
        in_trouble(start_sshd, tmp_path, far.name, sent=False) as (_, inventory),
        Cancel() as cancel,
        Fleet(load([inventory]), overrides=Overrides(connect_timeout=2), policy=policy, keep=3) as fleet,
    ):
        results = [publish(fleet.start(each, fleet.hosts(), cancel), [], cancel) for each in operations]
    for result in results:
        assert result.outcomes.keys() == {*SOUND, *WHATEVER_IS_DONE, *MOVED}
        assert {result.outcomes[host].status for host in SOUND} == {"ok"}


def test_a_gigabyte_of_output_arrives_whole_and_costs_no_memory(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, far: Path
) -> None:
    inventory = sshd.inventory(tmp_path, len(SOUND))
    line = (
        f"case $SSH_CONNECTION in *127.0.1.2*) head -c {GIGABYTE} /dev/zero; echo;; esac; "
        f"until [ -e {far}/gate ]; do sleep 0.2; done; echo done"
    )
    # Without history: a disk that takes in a gigabyte stalls all other tests.
    with fleetctl.start("run", "-N", "--raw", "--no-history", "-i", inventory, line) as running:
        assert running.skip_output(GIGABYTE + 1) == GIGABYTE + 1
        assert processes.most_memory(running.process.pid) < MOST_MEMORY
        (far / "gate").touch()
        ran = running.finish()
    assert ran.stdout == "done\n" * len(SOUND)
    assert ran.exit_code == 0


def check_output(events: Sequence[Told], done: Sequence[str]) -> None:
    """All that a host said before it was in trouble is kept."""
    for host in (*done, "hangs-after-output", "signal", "fails"):
        assert output(events, host) == SAID, host
    cut = output(events, "reset-in-mid-stream")
    assert len(cut) > IN_MID_STREAM - NOT_OUTPUT
    assert cut.startswith(SAID)
    *lines, _ = cut.split(b"\n")
    assert lines == [b"%d" % number for number in range(1, len(lines) + 1)]


def _fate(outcome: Told) -> Fate:
    return outcome["status"], (outcome["error"] or {}).get("code", "")
