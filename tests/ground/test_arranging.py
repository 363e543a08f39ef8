"""Which hosts of a selection, and in what order."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from fleetctl.arranging import Order, arranged

NAMES = [f"web{n:02}" for n in range(20)]


@given(st.sampled_from(Order), st.none() | st.integers(1, 30), st.integers())
def test_no_host_is_taken_twice_and_none_that_was_not_there(order: Order, pick: int | None, seed: int) -> None:
    taken = arranged(NAMES, order, pick, lambda: ["web07", "elsewhere"], random.Random(seed))
    assert len(taken) == min(20, pick or 20)
    assert len(set(taken)) == len(taken)
    assert set(taken) <= set(NAMES)
    if order is Order.INVENTORY:
        assert taken == sorted(taken)


def test_hosts_that_were_not_ok_come_first_and_the_others_stay_in_order() -> None:
    taken = arranged(NAMES, Order.FAILED_FIRST, not_ok=lambda: {"web12", "web03"})
    assert taken == ["web03", "web12", *(name for name in NAMES if name not in {"web03", "web12"})]


def test_at_random_means_that_every_host_has_its_turn_at_the_front() -> None:
    assert {arranged(NAMES, Order.RANDOM)[0] for _ in range(1000)} == set(NAMES)
    assert {arranged(NAMES, pick=1)[0] for _ in range(1000)} == set(NAMES)
