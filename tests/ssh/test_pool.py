"""Which sessions stay open between uses, when fewer may than there are hosts."""

from __future__ import annotations

from typing import cast

import pytest

from fleetctl.cancel import Cancel
from fleetctl.model import Host, Login
from fleetctl.ssh.dial import Dialer
from fleetctl.ssh.pool import Pool

HOSTS = [Host(name, name, Login("nobody")) for name in ("a", "b", "c")]


class _Session:
    """Is alive until it is closed."""

    alive = True

    def close(self) -> None:
        self.alive = False


class _Dialer:
    def __init__(self) -> None:
        self.dialled: list[str] = []

    def dial(self, host: Host, _cancel: Cancel) -> _Session:
        self.dialled.append(host.name)
        return _Session()

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def dialer() -> _Dialer:
    return _Dialer()


def test_others_are_given_back_while_a_kept_session_is_in_use(dialer: _Dialer, cancel: Cancel) -> None:
    """The place of the one in use, which was kept for longest, has nothing that could be closed."""
    pool = Pool(cast("Dialer", dialer), keep=1)
    in_use, *others = HOSTS
    with pool.session(in_use, cancel):
        pass
    with pool.session(in_use, cancel):
        for host in others:
            with pool.session(host, cancel):
                pass
        assert repr(pool) == "<Pool: 1 idle of 1>"
    assert dialer.dialled == ["a", "b", "c"]
    pool.close()


def test_the_session_that_is_idle_for_longest_is_closed(dialer: _Dialer, cancel: Cancel) -> None:
    pool = Pool(cast("Dialer", dialer), keep=2)
    for host in (*HOSTS, *reversed(HOSTS)):
        with pool.session(host, cancel):
            pass
    assert dialer.dialled == ["a", "b", "c", "a"]
    pool.close()
