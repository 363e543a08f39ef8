"""The steps of the way to one machine, from its name to a session, each made of what a login is made of."""

from __future__ import annotations

import ipaddress
from contextlib import ExitStack

from msgspec import to_builtins

from fleetctl.cancel import Cancel
from fleetctl.cancel import Guard as Deadline
from fleetctl.errors import (
    HostCertificateRefused,
    HostError,
    HostKeyChanged,
    HostKeyRevoked,
    HostKeyUnknown,
    NoCommonAlgorithm,
)
from fleetctl.model import Hop, HostKeyPolicy
from fleetctl.ssh.bastions import Chain
from fleetctl.ssh.checkup.found import Found, Look
from fleetctl.ssh.checkup.offers import KINDS, Offer, agreed, disagreement
from fleetctl.ssh.dial import Dialer, server_key, trusted_as
from fleetctl.ssh.login.login import Accepted
from fleetctl.ssh.notes import ServerNotes
from fleetctl.ssh.session import Session
from fleetctl.ssh.transport import LeanTransport, possible
from fleetctl.ssh.ways.way import Way
from fleetctl.ssh.ways.wire import Target, connect_to, resolve

_NOT_STRICT = "without strict key exchange (Terrapin, CVE-2023-48795), which OpenSSH has since 9.6"


class Arrival:
    """One machine on the way, and how far the way to it has been gone.

    Args:
        chain: the bastions before it, whose sessions the dialer has.
        named: the host that all this is for.
    """

    def __init__(self, dialer: Dialer, hop: Hop, chain: Chain, named: str, cancel: Cancel) -> None:
        self._dialer = dialer
        self._hop = hop
        self._chain = chain
        self._named = named
        self._cancel = cancel
        self._addresses: list[Target] = []
        self._on_the_way = ExitStack()
        self._shaking = ExitStack()
        self._way: Way
        self._notes: ServerNotes
        self._transport: LeanTransport
        self._deadline: Deadline
        self._failure: HostError | None = None
        self._session: Session | None = None

    @property
    def looks(self) -> list[tuple[str, Look]]:
        """The steps to a session with it."""
        from_here = not (self._chain or self._hop.proxy_command)
        return [
            *([("resolve", self._resolve)] if from_here else []),
            ("connect", self._connect if from_here else self._go_through),
            ("banner", self._greet),
            ("key-exchange", self._agree),
            ("host-key", self._trust),
            ("login", self._log_in),
        ]

    @property
    def session(self) -> Session:
        """The one that the walk has led to."""
        if self._session is None:
            raise AssertionError("the walk did not get there")
        return self._session

    def close(self) -> None:
        self._shaking.close()
        if self._session is not None:
            self._session.close()
        self._on_the_way.close()

    def _resolve(self) -> Found:
        self._addresses = resolve(self._hop)
        found = list(dict.fromkeys(str(place[0]) for _, place in self._addresses))
        words = f"{self._hop.address} is an address" if _is_address(self._hop.address) else ""
        return Found(words or f"{self._hop.address} is {', '.join(found)}", facts={"addresses": found})

    def _connect(self) -> Found:
        wire = connect_to(self._addresses, self._hop, self._cancel)
        self._way = wire
        self._on_the_way.callback(wire.close)
        return Found(f"{wire.peer} accepts connections", facts={"peer": wire.peer})

    def _go_through(self) -> Found:
        way = self._dialer.way(self._hop, self._chain, self._cancel, self._named)
        self._way = self._on_the_way.enter_context(way)
        self._on_the_way.callback(self._way.close)
        through = [hop.name for hop in self._chain]
        by = f"through {through[-1]}" if through else "by its proxy command"
        return Found(f"{self._hop.address} port {self._hop.port} {by}", facts={"through": through})

    def _greet(self) -> Found:
        """This step and the next are one call; when the banner came is looked up."""
        self._notes = notes = ServerNotes(self._hop.name, self._way)
        self._transport = self._dialer.transport(self._hop, self._way, notes)
        self._on_the_way.callback(self._hang_up)
        try:
            hands = self._dialer.shaking_hands(self._transport, self._way, notes, self._cancel)
            self._deadline = self._shaking.enter_context(hands)
        except HostError as error:
            if not notes.banner:
                raise
            self._failure = error
        before = (f"it says before: {notes.greeting}",) if notes.greeting else ()
        return Found(notes.banner, before, {"banner": notes.banner}, until=notes.banner_at)

    def _agree(self) -> Found:
        ours, theirs = self._transport.offer, self._notes.offer or Offer()
        chosen, strict = agreed(ours, theirs), self._transport.strict
        facts = {"agreed": chosen, "strict": strict, "ours": to_builtins(ours), "theirs": to_builtins(theirs)}
        if self._failure is not None:
            raise self._explained(self._failure, ours, theirs, facts)
        names = [f"host key {chosen[kind]}" if kind == "host_keys" else chosen[kind] for kind in KINDS if chosen[kind]]
        remarks = () if strict else (_NOT_STRICT,)
        return Found(", ".join(names), remarks, facts)

    def _explained(self, failure: HostError, ours: Offer, theirs: Offer, facts: dict[str, object]) -> HostError:
        """The failure, in plain words where both sides have no algorithm in common."""
        words, hint = disagreement(ours, theirs, possible())
        if isinstance(failure, NoCommonAlgorithm) and words:
            failure = NoCommonAlgorithm(words, hint=hint)
        failure.facts |= facts if self._notes.offer else {}
        return failure

    def _trust(self) -> Found:
        hop, key = trusted_as(self._hop, self._named), server_key(self._transport)
        shown = f"{key.kind} {key.fingerprint}"
        off = hop.host_key_policy is HostKeyPolicy.OFF
        try:
            entry = self._dialer.known_hosts.judge(hop, key)
        except HostKeyUnknown as error:
            if hop.host_key_policy is HostKeyPolicy.STRICT:
                raise
            return Found(f"{shown} is not known; {_what_a_run_does(hop)}", facts=error.facts, warning=True)
        except (HostKeyChanged, HostKeyRevoked, HostCertificateRefused) as error:
            if not off:
                raise
            return Found(f"{error.message}; {_what_a_run_does(hop)}", facts=error.facts, warning=True)
        remarks = (f"another one would do as well: {_what_a_run_does(hop)}",) if off else ()
        facts: dict[str, object] = {"offered": shown, "known": [entry.place]}
        how = f"certified by {entry.key.fingerprint}" if entry.authority else "known"
        return Found(f"{shown} is {how}: {entry.place}", remarks, facts, warning=off)

    def _log_in(self) -> Found:
        transport, user, accepted = self._transport, self._hop.login.user, Accepted("")
        ours, unusable = self._dialer.would_offer(self._hop)
        with self._shaking:
            # ssh asks this first, too. sshd does not count it as a failure.
            methods = self._dialer.methods_taken(transport, self._hop, self._notes)
            if not transport.is_authenticated():
                accepted = self._dialer.log_in(transport, self._hop, self._notes, self._cancel, self._deadline)
        self._session = Session(transport, self._way, self._notes, {})
        order = [name for method, name in ours if not methods or method in methods]
        told = [f"the server takes {', '.join(methods)}"] if methods else []
        told += [f"offered in this order: {', '.join(order)}"] if len(order) > 1 else []
        told += [f"refused before: {name}" for name in accepted.before]
        told += [f"not offered: {problem}" for problem in unusable]
        facts: dict[str, object] = {
            "user": user,
            "methods": methods,
            "order": order,
            "unusable": unusable,
            "refused": list(accepted.before),
            "accepted": accepted.by,
        }
        return Found(f"as {user} by {accepted.by or 'the name alone'}", tuple(told), facts)

    def _hang_up(self) -> None:
        if self._session is None:
            self._transport.close()


def _what_a_run_does(hop: Hop) -> str:
    """With a key that is not the known one, where the policy lets that pass."""
    if hop.host_key_policy is HostKeyPolicy.OFF:
        return "a run takes it all the same (policy off)"
    where = hop.known_hosts[0] if hop.known_hosts else "no file, for none is configured"
    return f"a run writes it to {where} (policy accept-new)"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
