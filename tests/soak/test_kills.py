"""A few of the kills that `make soak` does fifty times."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.kills import HOSTS, Moment, kill_and_go_on
from tests.support.fleetctl import Fleetctl
from tests.support.sshd import Sshd


@pytest.mark.parametrize("moment", [Moment(0, 0.4), Moment(1), Moment(HOSTS // 2), Moment(HOSTS - 1, 0.05)])
def test_a_killed_run_is_gone_on_with_where_it_stopped(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, far: Path, moment: Moment
) -> None:
    taken = kill_and_go_on(fleetctl, sshd, sshd.inventory(tmp_path, HOSTS), far / "told", moment)
    assert taken.begun >= moment.done
