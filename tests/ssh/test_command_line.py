"""A command line that no server takes is refused before it is sent."""

from __future__ import annotations

import pytest

from fleetctl.errors import RequestRefused
from fleetctl.ssh.command_line import sendable


def test_a_command_line_is_sent_as_the_bytes_that_it_was() -> None:
    assert sendable("rm caf\udce9 \u00e9") == b"rm caf\xe9 \xc3\xa9"
    assert len(sendable("x" * 255 * 1024)) == 255 * 1024


@pytest.mark.parametrize(("line", "why"), [("a\0b", "NUL"), ("x" * (255 * 1024 + 1), "261121 bytes")])
def test_what_would_end_the_connection_is_refused(line: str, why: str) -> None:
    with pytest.raises(RequestRefused, match=why):
        sendable(line)
