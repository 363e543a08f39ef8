"""A run is killed at any moment, and gone on with: no host is left out, and none that is on record is done again.

python -m tests.soak.kills [SEED]: 50 times.
"""

from __future__ import annotations

import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleetctl.history.history import History
from tests.benchmarks.fleet import fleet
from tests.support.fleetctl import Fleetctl
from tests.support.sshd import Sshd

HOSTS = 12
TIMES = 50
_FANOUT = "4"
_LONGEST_SECONDS = 1.5
"""As long as the whole run takes, when the machine has little else to do."""


@dataclass(frozen=True)
class Taken:
    """How many hosts were on record as done when the run was killed, and how many had begun in truth."""

    recorded: int
    begun: int


@dataclass(frozen=True)
class Moment:
    """When to kill: once so many hosts have been told to be done, and then some seconds later."""

    done: int
    seconds: float = 0.0


def any_moment(chance: random.Random) -> Moment:
    """Before anything has begun, between any two hosts, in the middle of any, or when all is over."""
    if chance.random() < 0.3:
        return Moment(0, chance.uniform(0, _LONGEST_SECONDS))
    return Moment(chance.randint(1, HOSTS), chance.uniform(0, 0.05))


def kill_and_go_on(fleetctl: Fleetctl, sshd: Sshd, inventory: Path, told: Path, moment: Moment) -> Taken:
    """Kill a run in which each host writes its number to `told`, go on with it, and judge what has been done.

    Args:
        fleetctl: with a home that has no history.
        told: a file that does not exist, where the login user can make it.

    Raises: AssertionError.
    """
    line = f"n=${{SSH_CONNECTION% *}}; echo ${{n##*.}} >>{told}; sleep 0.05"
    with fleetctl.start("run", "-f", _FANOUT, "-i", inventory, "-o", "ndjson", line) as running:
        if moment.done:
            running.wait_for_times('"host_finished"', moment.done)
        running.pass_time(moment.seconds)
        running.signal(signal.SIGKILL)
        running.process.wait(10)
    with History(fleetctl.home / ".local/state/fleetctl/history.db") as history:
        runs = history.runs()
        ends = history.outcomes(runs[0].id) if runs else {}
    recorded = {host for host, end in ends.items() if end is not None}
    sshd.wait_for_sessions()
    before = _numbers(told)
    assert before or not recorded
    assert max(before.values(), default=1) == 1
    if not runs:
        assert not before, "hosts had begun, and the run was not on record"
        return Taken(0, 0)
    again = fleetctl("rerun", "--unfinished", "-o", "ndjson")
    assert again.exit_code == 0, again.stderr
    redone = _hosts(again.events)
    assert redone == set(ends) - recorded, again.stderr
    done = _numbers(told)
    assert set(done) == {_number(host) for host in ends}
    assert len(ends) == HOSTS
    assert {number for number, times in done.items() if times > 1} <= {_number(host) for host in redone}
    assert max(done.values()) <= 2
    nothing = fleetctl("rerun", "--unfinished") if not redone else None
    assert nothing is None or nothing.exit_code == 0
    return Taken(len(recorded), len(before))


def _hosts(events: Sequence[dict[str, object]]) -> set[object]:
    return {event["host"] for event in events if event["type"] == "host_finished"}


def _number(host: object) -> int:
    """Of h007, which has the address 127.0.1.7."""
    return int(str(host).removeprefix("h"))


def _numbers(told: Path) -> Counter[int]:
    """How often each host has written its number."""
    return Counter(map(int, told.read_text().split())) if told.exists() else Counter()


def main() -> None:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1_000_000)
    chance = random.Random(seed)
    print(f"seed {seed}", flush=True)
    taken: list[Taken] = []
    with fleet(HOSTS) as served, tempfile.TemporaryDirectory(prefix="fleetctl-kills-") as homes:
        for time in range(TIMES):
            home = Path(homes) / str(time)
            home.mkdir()
            told = Path(served.server.account.home) / f"told-{time}"
            moment = any_moment(chance)
            taken.append(kill_and_go_on(Fleetctl(home), served.server, served.inventory, told, moment))
    lost = sum(each.begun - each.recorded for each in taken)
    print(f"{TIMES} runs were killed and gone on with: {sum(not each.begun for each in taken)} before any host")
    print(f"had begun, {sum(each.recorded == HOSTS for each in taken)} after all had ended")
    print(f"hosts that had begun and were not on record as done, and so were done again: {lost / TIMES:.1f} a run")


if __name__ == "__main__":
    main()
