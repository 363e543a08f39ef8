"""Foreign failures become ours here and nowhere else: what paramiko and sockets raise, by stage.

The table follows paramiko 5.1 (auth_handler.py, channel.py, packet.py, transport.py): the class alone does
not tell, because most failures are an SSHException with a text, and some are bare EOFError or OSError.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from paramiko import ChannelException, SFTPError, SSHException
from paramiko.ber import BERException
from paramiko.hostkeys import InvalidHostKey
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import AuthenticationException, IncompatiblePeer

from fleetctl.errors import (
    ChannelRefused,
    ConnectionLost,
    ConnectTimeout,
    DeniedError,
    FleetError,
    HostError,
    NoCommonAlgorithm,
    NotConnected,
    ProtocolFailure,
    RequestRefused,
    TimedOut,
    TurnedAway,
)
from fleetctl.ssh.notes import ServerNotes

FOREIGN = (
    SSHException,
    OSError,
    EOFError,
    UnknownKeyType,
    InvalidHostKey,
    BERException,
    SFTPError,
    struct.error,
    UnicodeError,
    KeyError,  # an unknown message type, transport.py: `MSG_NAMES[ptype]`
)
"""Everything that paramiko may raise, or hand over from its thread, for something a server did."""

_TURNED_AWAY = ("Exceeded MaxStartups", "Not allowed at this time")
"""What sshd says instead of a banner when it has too many logins at once (sshd.c: `drop_connection`), old and new."""

_CHANNEL_REFUSALS = {
    1: (
        "the server prohibits sessions",
        "is this login allowed to run commands (ForceCommand, restricted shell)?",
    ),
    2: ("the server opens no (further) session", "MaxSessions of its sshd_config may be used up or 0"),
    3: ("the server knows no sessions", "is this an SSH server that runs commands?"),
    4: ("the server is short of resources", "MaxSessions of its sshd_config may be used up"),
}


class Stage(Enum):
    """How far a connection had come when something failed."""

    BANNER = "banner"
    HANDSHAKE = "handshake"
    LOGIN = "login"
    CHANNEL = "channel"
    REQUEST = "request"


@contextmanager
def translated(stage: Stage, notes: ServerNotes) -> Iterator[None]:
    """Raise our error for a foreign one; ours pass through."""
    try:
        yield
    except FleetError:
        raise
    except FOREIGN as error:
        raise translate(error, stage, notes) from error


def translate(error: Exception, stage: Stage, notes: ServerNotes) -> HostError:
    """The nearest of our errors for a foreign one."""
    match stage:
        case Stage.BANNER:
            return _banner(error, notes)
        case Stage.HANDSHAKE:
            return _handshake(error, notes)
        case Stage.LOGIN:
            return _login(error, notes)
        case Stage.CHANNEL | Stage.REQUEST:
            return _channel(error, stage, notes)


def _handshake(error: Exception, notes: ServerNotes) -> HostError:
    text = str(error)
    if isinstance(error, IncompatiblePeer):
        if "no acceptable" in text:
            return NoCommonAlgorithm(
                f"no algorithm in common: {_between_parentheses(text)}",
                hint="the server is too old or too strict; `fleetctl doctor` tells what each side offers",
            )
        return ProtocolFailure(text, hint="is this an SSH-2 server?")
    if "Invalid SSH banner" in text:
        return _not_ssh(text)
    reason = notes.goodbye or _reason(error)
    return ProtocolFailure(f"the key exchange failed: {reason}", hint="see the server's log")


def _banner(error: Exception, notes: ServerNotes) -> HostError:
    if "Indecipherable" in str(error):
        return _not_ssh(notes.greeting or str(error))
    if isinstance(error.__context__, TimeoutError):
        return ConnectTimeout(
            "no SSH banner came", hint="is this an SSH server, and is it overloaded? --login-timeout waits longer"
        )
    if notes.greeting and not notes.greeting.startswith(_TURNED_AWAY):
        return _not_ssh(notes.greeting)
    if notes.way_ended:
        return NotConnected(notes.way_ended, hint="run it by itself to see why, or see the bastion's log")
    return TurnedAway(
        "the server closed the connection before its SSH banner",
        hint="too many connections at once (MaxStartups), or a penalty (PerSourcePenalties)? "
        "lower --fanout or raise --retries",
    )


def _not_ssh(said: str) -> ProtocolFailure:
    return ProtocolFailure(f"not an SSH server; it said: {said[:200]}", hint="check address and port")


def _login(error: Exception, notes: ServerNotes) -> HostError:
    if isinstance(error, AuthenticationException) and "timeout" in str(error):
        return TimedOut("no answer to the login", hint="the server may be overloaded; --login-timeout waits longer")
    if notes.refused_login:
        return DeniedError(
            f"the server ended the login: {notes.goodbye}",
            hint="too many keys offered? name the right one with `keys` or --key",
        )
    reason = notes.goodbye or _reason(error)
    return ConnectionLost(f"the connection ended during login: {reason}", hint="see the server's log")


def _channel(error: Exception, stage: Stage, notes: ServerNotes) -> HostError:
    text = str(error)
    if isinstance(error, ChannelException):
        reason, hint = _CHANNEL_REFUSALS.get(error.code, (error.text, ""))
        return ChannelRefused(reason, hint=hint, reason_code=error.code)
    if isinstance(error, TimeoutError) or "Timeout opening channel" in text:
        return TimedOut("the server did not answer", hint="it may be overloaded; try again with a lower --fanout")
    if stage is Stage.REQUEST and text == "Channel closed.":
        return RequestRefused("the server refused to run the command", hint="see its log and sshd_config")
    return ConnectionLost(
        f"the connection ended: {notes.goodbye or _reason(error)}", hint="the host or the network went away"
    )


def _between_parentheses(text: str) -> str:
    return text[text.find("(") + 1 :].rstrip(").") or text


def _reason(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "closed by the server"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
