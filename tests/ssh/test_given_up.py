"""A connection that is given up before anything was said on it leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fleetctl.cancel import Cancel
from fleetctl.errors import Cancelled
from fleetctl.model import Host
from fleetctl.ssh.dial import Dialer
from fleetctl.ssh.session import Session
from fleetctl.ssh.ways.tunnel import Tunnel
from tests.support import processes
from tests.support.hosts import host_of
from tests.support.sshd import Sshd


@pytest.fixture
def called_off() -> Cancel:
    cancel = Cancel()
    cancel.set("interrupted")
    return cancel


def test_a_proxy_command_ends_when_the_run_was_called_off_as_it_began(
    sshd: Sshd, tmp_path: Path, called_off: Cancel
) -> None:
    mark = f"PROXY_OF={tmp_path.name}"
    host: Host = msgspec.structs.replace(host_of(sshd, tmp_path), proxy_command=f"env {mark} sleep 300")
    dialer = Dialer(login_timeout=20)
    with pytest.raises(Cancelled):
        dialer.dial(host, called_off)
    assert processes.with_variable(mark) == []


def test_a_tunnel_that_is_not_waited_for_is_closed(session: Session, sshd: Sshd, called_off: Cancel) -> None:
    tunnel = session.tunnel("bastion")
    with pytest.raises(Cancelled):
        tunnel.open("127.0.1.1", sshd.port, 20.0, called_off)
    assert _is_over(tunnel)


def _is_over(tunnel: Tunnel) -> bool:
    """Whether who reads from it is told so at once."""
    return tunnel.recv(1) == b""
