"""From a Host to an authenticated Session: connect, agree on keys, judge the host key, log in."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from paramiko import Transport

from fleetctl.cancel import Cancel
from fleetctl.cancel import Guard as Deadline
from fleetctl.errors import ConnectTimeout, FleetError, NotConnected, TimedOut, UnreachableError
from fleetctl.model import Host
from fleetctl.ssh.guard import Guard
from fleetctl.ssh.hostkeys import KnownHosts
from fleetctl.ssh.keys import KeyRing
from fleetctl.ssh.known_hosts import ServerKey
from fleetctl.ssh.login import Means, Visit, log_in
from fleetctl.ssh.notes import ServerNotes
from fleetctl.ssh.session import Session
from fleetctl.ssh.translate import FOREIGN, Stage, translate, translated
from fleetctl.ssh.transport import LeanTransport, new_transport, shake_hands
from fleetctl.ssh.wire import Wire, connect

_log = logging.getLogger("fleetctl.ssh")


class Dialer:
    """Opens sessions; what they share in a run (known hosts, decoded keys) is kept here. Thread-safe.

    Args:
        login_timeout: seconds for banner, key exchange and authentication together.
        trust_command: see KnownHosts.
        auth_failures: after so many rejections of one password no further login with it begins.
    """

    def __init__(self, *, login_timeout: float, trust_command: str = "fleetctl trust", auth_failures: int = 1) -> None:
        self.known_hosts = KnownHosts(trust_command)
        # Half of the time for the agent, so that a stuck one leaves some for other ways to log in.
        self._means = Means(KeyRing(), Guard(auth_failures), login_timeout / 2)
        self._login_timeout = login_timeout

    def dial(self, host: Host, cancel: Cancel) -> Session:
        """An authenticated session with a host whose key was accepted.

        Raises: UnreachableError, UntrustedError, DeniedError, TimedOut and their kinds; Cancelled.
        """
        started = time.monotonic()
        wire = _connected(host, cancel)
        connected = time.monotonic()
        notes = ServerNotes(host.name)
        with self._shaking_hands(host, wire, notes, cancel) as (transport, deadline):
            self.known_hosts.check(host, _server_key(transport))
            trusted = time.monotonic()
            with translated(Stage.LOGIN, notes):
                log_in(transport, Visit(host, self._means, notes, cancel, deadline))
        timings = {
            "connect": connected - started,
            "handshake": trusted - connected,
            "login": time.monotonic() - trusted,
        }
        _log.info(
            "%s: logged in at %s:%d as %s, %.3f s",
            host.name,
            host.address,
            host.port,
            host.login.user,
            sum(timings.values()),
        )
        return Session(transport, wire, notes, timings)

    def server_key(self, host: Host, cancel: Cancel) -> ServerKey:
        """The key a server shows, of a type we know of it where there is one. Nothing is judged or written.

        Raises: UnreachableError and its kinds; Cancelled.
        """
        wire = _connected(host, cancel)
        with self._shaking_hands(host, wire, ServerNotes(host.name), cancel) as (transport, _):
            key = _server_key(transport)
        transport.close()
        return key

    @contextmanager
    def _shaking_hands(
        self, host: Host, wire: Wire, notes: ServerNotes, cancel: Cancel
    ) -> Iterator[tuple[LeanTransport, Deadline]]:
        """A transport after its key exchange; closed again when anything inside fails or takes too long."""
        transport = new_transport(wire, notes, self.known_hosts.kinds(host))
        try:
            with cancel.guard(self._login_timeout, wire.abort) as guard:
                try:
                    _shake_hands(transport, notes)
                    yield transport, guard
                except (UnreachableError, TimedOut):
                    cancel.check()
                    if guard.expired:
                        raise _too_slow(transport, self._login_timeout) from None
                    raise
        except BaseException:
            transport.close()
            if transport.is_alive():
                transport.join(5.0)
            raise


def _connected(host: Host, cancel: Cancel) -> Wire:
    """A connection to the host itself. Behind a bastion its address may be another machine here, so none is made."""
    if host.jump:
        hops = ", ".join(hop.name for hop in host.jump)
        raise NotConnected(
            f"is behind {hops}, and connections through a jump host cannot be made yet",
            hint="run fleetctl on the jump host, or take `jump` out if the host can be reached from here",
        )
    return connect(host.address, host.port, host.connect_timeout, cancel)


def _shake_hands(transport: Transport, notes: ServerNotes) -> None:
    try:
        shake_hands(transport)
    except RuntimeError as error:  # threading.py: `start`
        raise NotConnected(f"cannot go on: {error}", hint="raise `ulimit -u` or lower --fanout") from error
    except FOREIGN as error:
        stage = Stage.HANDSHAKE if transport.remote_version else Stage.BANNER
        raise translate(error, stage, notes) from error


def _server_key(transport: Transport) -> ServerKey:
    key = transport.get_remote_server_key()
    return ServerKey(key.get_name(), key.asbytes())


def _too_slow(transport: Transport, seconds: float) -> FleetError:
    if not transport.remote_version:
        return ConnectTimeout(
            f"connected, but no SSH banner came within {seconds:g} s",
            hint="is this an SSH server, and is it overloaded? --login-timeout waits longer",
        )
    if not transport.initial_kex_done:
        return ConnectTimeout(
            f"the key exchange was not done within {seconds:g} s",
            hint="the server may be overloaded; --login-timeout waits longer",
        )
    return TimedOut(
        f"the login was not done within {seconds:g} s",
        hint="the server may be waiting for a directory service; --login-timeout waits longer",
    )
