"""Channel requests that paramiko has no method for, or none that says all (RFC 4254, 5.4)."""

from __future__ import annotations

from typing import Any

from paramiko import Channel, Message

_CHANNEL_REQUEST = bytes([98])


def channel_request(channel: Channel, kind: str) -> Message:
    """The beginning of one that wants an answer; what belongs to its kind is to be added."""
    request = Message()
    request.add_byte(_CHANNEL_REQUEST)
    request.add_int(channel.remote_chanid)
    request.add_string(kind)
    request.add_boolean(True)
    return request


def is_granted(channel: Channel, request: Message, seconds: float | None = None) -> bool:
    """Send it, and wait for the answer, for so many seconds at most. A refusal closes the channel. Raises: FOREIGN."""
    private: Any = channel
    private._event_pending()  # noqa: SLF001 - there is no public way
    private.transport._send_user_message(request)  # noqa: SLF001
    return bool(private.event.wait(seconds) and private.event_ready)
