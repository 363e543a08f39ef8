"""A host for the length of a job: when it is connected to, and what is known of it after something went wrong."""

from __future__ import annotations

from typing import cast

import pytest

from fleetctl import errors
from fleetctl.cancel import Cancel
from fleetctl.ssh.pool import Pool
from fleetctl.ssh.reach import Reach
from tests.support.played_jobs import JobPool
from tests.support.pools import hosts


def reach_of(pool: JobPool, cancel: Cancel) -> Reach:
    return Reach(cast("Pool", pool), hosts(1)[0], cancel, lambda opened: opened())


def killed(error: errors.FleetError) -> errors.FleetError:
    error.killed = True
    return error


@pytest.mark.parametrize(
    ("error", "connections", "may_run_on"),
    [
        (errors.ConnectionLost("x"), 2, True),
        (errors.TimedOut("x"), 2, True),
        (killed(errors.TimedOut("x")), 1, False),
        (killed(errors.Cancelled("x")), 1, False),
        (errors.ChannelRefused("x"), 2, False),
        (errors.RequestRefused("x"), 1, False),
        (errors.ElevationDenied("x"), 1, False),
        (errors.NoSpace("x"), 1, False),
        (errors.ServerFailure("x"), 2, True),
        (errors.TemplateFailed("x"), 1, False),
        (ZeroDivisionError("x"), 2, True),
    ],
)
def test_what_went_wrong_tells_whether_the_connection_is_good_and_whether_something_may_run_on(
    cancel: Cancel, error: Exception, connections: int, may_run_on: bool
) -> None:
    pool = JobPool()
    with reach_of(pool, cancel) as reach:
        assert pool.dialled == []
        with pytest.raises(type(error)), reach.session(None):
            raise error
        with reach.session(None):
            pass
        assert (len(pool.dialled), reach.may_run_on) == (connections, may_run_on)
        reach.restarted()
        with pytest.raises(errors.ConnectionLost), reach.leaving_nothing(), reach.session(None):
            raise errors.ConnectionLost("x")
        assert not reach.may_run_on


def test_a_host_is_gone_from_a_failed_try_until_one_that_works(cancel: Cancel) -> None:
    refused = [True, False]

    def connect(_host: str) -> None:
        if refused.pop():
            raise errors.ConnectionRefused("x")

    with reach_of(JobPool(connect=connect), cancel) as reach:
        seen = []
        with reach.session(None):
            seen.append(reach.gone)
        reach.leave()
        with pytest.raises(errors.ConnectionRefused), reach.session(None):
            pass
        assert [*seen, reach.gone] == [False, True]
        assert not reach.may_run_on
        cancel.set("interrupted")
        with pytest.raises(errors.Cancelled), reach.session(None):
            pass
