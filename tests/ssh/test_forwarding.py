"""Links to our agent: a server may open them as long as a command runs for which that was asked."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest
from paramiko import Channel, Transport

from fleetctl.ssh.login.forwarding import AgentForwarding


@pytest.fixture
def transport() -> Mock:
    return Mock(spec=Transport)


def test_a_link_that_is_opened_as_the_last_command_ends_is_closed(transport: Mock, tmp_path: Path) -> None:
    forwarding = AgentForwarding(transport, str(tmp_path / "agent"))
    with forwarding.offered_on(Mock(spec=Channel)):
        opened = transport._forward_agent_handler
    late = Mock(spec=Channel)
    opened(late)
    late.close.assert_called_once()
