"""Every exception that paramiko can raise becomes one of ours, at every stage of a connection."""

from __future__ import annotations

import inspect
import pkgutil
import socket
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import paramiko
import pytest

from fleetctl.errors import (
    ChannelRefused,
    ConnectionLost,
    ConnectTimeout,
    DeniedError,
    HostError,
    NoCommonAlgorithm,
    ProtocolFailure,
    RequestRefused,
    TimedOut,
    TurnedAway,
)
from fleetctl.ssh.notes import ServerNotes
from fleetctl.ssh.translate import FOREIGN, Stage, translate, translated

KEY = paramiko.ECDSAKey.generate()
ARGUMENTS: dict[str, tuple[object, ...]] = {
    "BadAuthenticationType": ("text", ["publickey"]),
    "PartialAuthentication": (["password"],),
    "ChannelException": (1, "prohibited"),
    "BadHostKeyException": ("host", KEY, KEY),
    "ProxyCommandFailure": ("command", "error"),
    "NoValidConnectionsError": ({("10.0.0.1", 22): OSError("refused")},),
    "CouldNotCanonicalize": ("text",),
    "ConfigParseError": ("text",),
    "InvalidHostKey": ("line", ValueError("bad")),
    "UnknownKeyType": ("ssh-dss", b"blob"),
}


def exceptions_of_paramiko() -> Iterator[type[Exception]]:
    seen = set()
    for module in pkgutil.iter_modules(paramiko.__path__):
        if module.name in {"__main__", "_winapi", "win_openssh", "win_pageant", "ssh_gss"}:
            continue
        for _, kind in inspect.getmembers(import_module(f"paramiko.{module.name}"), inspect.isclass):
            if issubclass(kind, Exception) and kind.__module__.startswith("paramiko") and kind not in seen:
                seen.add(kind)
                yield kind


# Raised between paramiko's own threads and buffers only; they never reach a caller.
INTERNAL = {"PipeTimeout", "NeedRekeyException"}


@pytest.mark.parametrize("kind", list(exceptions_of_paramiko()), ids=lambda kind: kind.__name__)
def test_no_exception_of_paramiko_is_unmapped(kind: type[Exception]) -> None:
    if kind.__name__ in INTERNAL:
        return
    assert issubclass(kind, FOREIGN)
    make: Any = kind
    error = make(*ARGUMENTS.get(kind.__name__, ("text",)))
    for stage in Stage:
        ours = translate(error, stage, ServerNotes("web01"))
        assert isinstance(ours, HostError)
        assert ours.message
        assert ours.hint


def noted(*messages: str) -> ServerNotes:
    notes = ServerNotes("web01")
    for message in messages:
        notes.log(20, message)
    return notes


def banner_failure(cause: Exception) -> Exception:
    error = paramiko.SSHException("Error reading SSH protocol banner")
    error.__context__ = cause
    return error


@pytest.mark.parametrize("cause", [EOFError(), ConnectionResetError(104, "reset")])
def test_a_close_before_the_banner_is_worth_another_try(cause: Exception) -> None:
    assert isinstance(translate(banner_failure(cause), Stage.BANNER, noted()), TurnedAway)


def test_a_server_that_names_max_startups_is_worth_another_try() -> None:
    notes = noted("Banner: Exceeded MaxStartups")
    assert isinstance(translate(banner_failure(EOFError()), Stage.BANNER, notes), TurnedAway)


def test_a_banner_that_never_came_is_a_time_out() -> None:
    assert isinstance(translate(banner_failure(TimeoutError()), Stage.BANNER, noted()), ConnectTimeout)


def test_something_that_is_not_ssh_is_quoted() -> None:
    ours = translate(banner_failure(EOFError()), Stage.BANNER, noted("Banner: HTTP/1.1 400 Bad Request"))
    assert isinstance(ours, ProtocolFailure)
    assert "HTTP/1.1 400" in ours.message


def test_no_common_algorithm_says_which_kind() -> None:
    text = "Incompatible ssh peer (no acceptable kex algorithm)"
    ours = translate(paramiko.ssh_exception.IncompatiblePeer(text), Stage.HANDSHAKE, noted())
    assert isinstance(ours, NoCommonAlgorithm)
    assert "no acceptable kex algorithm" in ours.message


def test_the_server_s_own_words_end_a_login() -> None:
    notes = noted("Disconnect (code 2): Too many authentication failures")
    ours = translate(EOFError(), Stage.LOGIN, notes)
    assert isinstance(ours, DeniedError)
    assert "Too many authentication failures" in ours.message


@pytest.mark.parametrize(
    ("error", "stage", "kind"),
    [
        (ConnectionResetError(104, "Connection reset by peer"), Stage.HANDSHAKE, ProtocolFailure),
        (paramiko.AuthenticationException("Authentication timeout."), Stage.LOGIN, TimedOut),
        (EOFError(), Stage.LOGIN, ConnectionLost),
        (paramiko.ChannelException(2, "Connect failed"), Stage.CHANNEL, ChannelRefused),
        (paramiko.SSHException("Timeout opening channel."), Stage.CHANNEL, TimedOut),
        (paramiko.SSHException("Channel closed."), Stage.REQUEST, RequestRefused),
        (paramiko.SSHException("Channel closed."), Stage.CHANNEL, ConnectionLost),
        (EOFError(), Stage.REQUEST, ConnectionLost),
    ],
)
def test_the_stage_decides_what_a_failure_means(error: Exception, stage: Stage, kind: type[HostError]) -> None:
    assert type(translate(error, stage, noted())) is kind


def test_our_own_errors_pass_through_unchanged() -> None:
    with pytest.raises(TimedOut, match="ours"), translated(Stage.CHANNEL, noted()):
        raise TimedOut("ours")


def test_the_foreign_error_stays_the_cause() -> None:
    with pytest.raises(ConnectionLost) as caught, translated(Stage.CHANNEL, noted()):
        raise socket.gaierror(-2, "unknown")
    assert isinstance(caught.value.__cause__, socket.gaierror)
