"""A small soak, with all that is asserted of the whole one, which `make soak` runs."""

from __future__ import annotations

import random

from tests.soak.soak import HOSTS, soak

ROUNDS = 4


def test_hosts_that_fail_at_random_are_accounted_for_and_leave_nothing_behind() -> None:
    done = soak(ROUNDS, random.randrange(1_000_000))
    assert done.commands == ROUNDS * HOSTS
    assert done.reconnects > 0
