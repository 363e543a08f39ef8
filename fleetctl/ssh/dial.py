"""From a Host to an authenticated Session: find a way there, agree on keys, judge the host key, log in."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
from paramiko import Transport

from fleetctl.asking import Ask
from fleetctl.cancel import Cancel
from fleetctl.cancel import Guard as Deadline
from fleetctl.errors import ConnectTimeout, FleetError, NotConnected, SecretError, TimedOut, UnreachableError
from fleetctl.model import Answer, Hop, Host, Secret
from fleetctl.ssh.bastions import Bastions, Chain
from fleetctl.ssh.login.agent import agent_socket
from fleetctl.ssh.login.certificates import PublicHalves
from fleetctl.ssh.login.guard import Guard
from fleetctl.ssh.login.keys import KeyRing
from fleetctl.ssh.login.login import Accepted, log_in, methods_taken, would_offer
from fleetctl.ssh.login.unlocking import unlock
from fleetctl.ssh.login.visit import Asked, Means, Person, Visit
from fleetctl.ssh.notes import ServerNotes
from fleetctl.ssh.session import Session
from fleetctl.ssh.translate import FOREIGN, Stage, translate, translated
from fleetctl.ssh.transport import LeanTransport, new_transport, shake_hands
from fleetctl.ssh.trust.hostkeys import KnownHosts
from fleetctl.ssh.trust.known_hosts import ServerKey
from fleetctl.ssh.ways.proxy import connect_by
from fleetctl.ssh.ways.way import Way
from fleetctl.ssh.ways.wire import connect

_log = logging.getLogger("fleetctl.ssh")


class Dialer:
    """Opens sessions; what they share in a run (known hosts, decoded keys) is kept here. Thread-safe.

    Args:
        login_timeout: seconds for banner, key exchange and authentication together.
        trust_command: see KnownHosts.
        auth_failures: after so many rejections of one password no further login with it begins.
        hidden: names of variables that hold secrets, which no proxy command gets to see.
        run_answer: runs the command of an Answer. Raises: SecretError.
        ask: puts a server's question to a person; None where nobody can be asked.
    """

    def __init__(
        self,
        *,
        login_timeout: float,
        trust_command: str = "fleetctl trust",
        auth_failures: int = 1,
        hidden: frozenset[str] = frozenset(),
        run_answer: Callable[[Answer], Secret] | None = None,
        ask: Asked | None = None,
    ) -> None:
        self.known_hosts = KnownHosts(trust_command)
        self._means = Means(
            KeyRing(),
            PublicHalves(),
            Guard(auth_failures),
            login_timeout / 2,  # so that a stuck agent leaves some for other ways to log in
            run_answer or _run_nothing,
            Person(ask) if ask else None,
        )
        self.sudo_guard = Guard(auth_failures, "sudo password")
        self._login_timeout = login_timeout
        self._hidden = hidden
        self._bastions = Bastions(self._dial)

    def unlock_keys(self, hops: Sequence[Hop], ask: Ask) -> None:
        """Ask for the passphrases of keys that these logins may need; to be called before any is dialled."""
        unlock(hops, self._means.ring, self._means.halves, ask)

    def dial(self, host: Host, cancel: Cancel) -> Session:
        """An authenticated session with a host whose key was accepted.

        Raises: UnreachableError, UntrustedError, DeniedError, TimedOut and their kinds; Cancelled.
        """
        return self._dial(host, host.jump, cancel, host.name)

    def server_key(self, host: Host, cancel: Cancel) -> ServerKey:
        """The key a server shows, of a type we know of it where there is one. Nothing of it is judged or written.

        Raises: UnreachableError and its kinds; for bastions on the way all that `dial` raises; Cancelled.
        """
        with self.way(host, host.jump, cancel, host.name) as way:
            notes = ServerNotes(host.name, way)
            transport = self.transport(host, way, notes)
            with self.shaking_hands(transport, way, notes, cancel):
                key = server_key(transport)
            transport.close()
        return key

    def close(self) -> None:
        """Leave the bastions. The sessions with hosts behind them end."""
        self._bastions.close()

    def _dial(self, hop: Hop, chain: Chain, cancel: Cancel, named: str) -> Session:
        """See `bastions.Dial`."""
        started = time.monotonic()
        with self.way(hop, chain, cancel, named) as way:
            connected = time.monotonic()
            notes = ServerNotes(hop.name, way)
            transport = self.transport(hop, way, notes)
            with self.shaking_hands(transport, way, notes, cancel) as deadline:
                self.known_hosts.check(trusted_as(hop, named), server_key(transport))
                trusted = time.monotonic()
                self.log_in(transport, hop, notes, cancel, deadline)
        timings = {
            "connect": connected - started,
            "handshake": trusted - connected,
            "login": time.monotonic() - trusted,
        }
        _log.info(
            "%s: logged in at %s:%d as %s, %.3f s",
            hop.name,
            hop.address,
            hop.port,
            hop.login.user,
            sum(timings.values()),
        )
        if not isinstance(hop, Host):  # a bastion runs no commands of ours
            return Session(transport, way, notes, timings)
        agent = agent_socket(hop.login) if hop.forward_agent else ""
        return Session(transport, way, notes, timings, forwarded_agent=agent, variables=hop.send_env)

    def adopt(self, chain: Chain, session: Session) -> None:
        """See `Bastions.adopt`."""
        self._bastions.adopt(chain, session)

    def log_in(
        self, transport: LeanTransport, hop: Hop, notes: ServerNotes, cancel: Cancel, deadline: Deadline
    ) -> Accepted:
        """Raises: DeniedError, Withheld, TimedOut, ConnectionLost."""
        with translated(Stage.LOGIN, notes):
            return log_in(transport, Visit(hop, self._means, notes, cancel, deadline))

    def methods_taken(self, transport: LeanTransport, hop: Hop, notes: ServerNotes) -> list[str]:
        """What the server would take of the user; [] when it does not tell, or wants no proof and has let us in.

        Raises: ConnectionLost.
        """
        with translated(Stage.LOGIN, notes):
            return methods_taken(transport, hop.login.user) or []

    def would_offer(self, hop: Hop) -> tuple[list[tuple[str, str]], list[str]]:
        """See login.py."""
        return would_offer(hop.login, self._means)

    @contextmanager
    def way(self, hop: Hop, chain: Chain, cancel: Cancel, named: str) -> Iterator[Way]:
        """A connection to a machine: through bastions, by its proxy command, or from here."""
        if chain:
            with self._bastions.tunnel(hop, chain, cancel, named) as tunnel:
                yield tunnel
        elif hop.proxy_command:
            yield connect_by(hop.proxy_command, {k: v for k, v in os.environ.items() if k not in self._hidden})
        else:
            yield connect(hop, cancel)

    def transport(self, hop: Hop, way: Way, notes: ServerNotes) -> LeanTransport:
        """One that has not begun. Raises: NoCommonAlgorithm, UntrustedError."""
        try:
            return new_transport(way, notes, self.known_hosts.kinds(hop), hop.algorithms)
        except FleetError:
            way.close()
            raise

    @contextmanager
    def shaking_hands(
        self, transport: LeanTransport, way: Way, notes: ServerNotes, cancel: Cancel
    ) -> Iterator[Deadline]:
        """The key exchange, and what is done inside, in time; when anything fails the transport is closed.

        Yields: the deadline.
        """
        try:
            with cancel.guard(self._login_timeout, way.abort) as guard:
                try:
                    _shake_hands(transport, notes)
                    yield guard
                except (UnreachableError, TimedOut):
                    cancel.check()
                    if guard.expired:
                        raise _too_slow(transport, way, self._login_timeout) from None
                    raise
        except BaseException:
            transport.close()
            if transport.is_alive():
                transport.join(5.0)
            way.close()  # that one leaves it alone when it has not begun (transport.py: `close`)
            raise


def _shake_hands(transport: Transport, notes: ServerNotes) -> None:
    try:
        shake_hands(transport)
    except RuntimeError as error:  # threading.py: `start`
        raise NotConnected(f"cannot go on: {error}", hint="raise `ulimit -u` or lower --fanout") from error
    except FOREIGN as error:
        stage = Stage.HANDSHAKE if transport.remote_version else Stage.BANNER
        raise translate(error, stage, notes) from error


def _run_nothing(answer: Answer) -> Secret:
    raise SecretError(f"{answer.command[0]} is not run here")


def server_key(transport: Transport) -> ServerKey:
    """The key that the server has shown, and proved to have."""
    key = transport.get_remote_server_key()
    # Whatever was agreed on: a server may show a plain key all the same.
    certificate = key.public_blob.key_blob if key.public_blob else b""
    return ServerKey(key.get_name(), key.asbytes(), certificate)


def trusted_as(hop: Hop, named: str) -> Hop:
    """The machine as messages about its key name it: trusting a host takes in the bastions on the way to it."""
    return msgspec.structs.replace(hop, name=named)


def _too_slow(transport: Transport, way: Way, seconds: float) -> FleetError:
    if not transport.remote_version:
        if way.standing:
            return ConnectTimeout(
                f"no SSH banner came within {seconds:g} s; {way.standing}",
                hint="run it by itself to see why; --login-timeout waits longer",
            )
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
