"""What `fleetctl trust` does: scan, judge, show a table, ask, write; bastions first, then what is behind them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.cli.interrupts import Interrupts
from fleetctl.cli.noting import Note, Noted
from fleetctl.cli.options import Access, Output, Pace, Selection
from fleetctl.cli.orders import Orders
from fleetctl.cli.prompts import confirm
from fleetctl.cli.running import open_fleet
from fleetctl.cli.selecting import trust_command, unwanted, wanted
from fleetctl.cli.talk import complain, say, warn
from fleetctl.errors import (
    FleetError,
    HostCertificateRefused,
    HostKeyChanged,
    HostKeyRevoked,
    HostKeyUnknown,
    UntrustedError,
)
from fleetctl.events import ErrorFacts, Outcome, Status
from fleetctl.fleet import Fleet
from fleetctl.model import Host
from fleetctl.nodes import fold
from fleetctl.ssh.trust.hostkeys import KnownHosts
from fleetctl.ssh.trust.known_hosts import ServerKey
from fleetctl.views import Screen, render_table

_INTERRUPTED = 130
_NOT_TRUSTED = 3


class State(StrEnum):
    """What a host's key is to us."""

    NEW = "new"
    SAME = "same"
    CERTIFIED = "certified"
    REFUSED = "REFUSED"
    CHANGED = "CHANGED"
    REVOKED = "REVOKED"
    NONE = "no key"


_STATES: dict[type[UntrustedError], State] = {
    HostKeyUnknown: State.NEW,
    HostKeyChanged: State.CHANGED,
    HostKeyRevoked: State.REVOKED,
    HostCertificateRefused: State.REFUSED,
}


class Scanned(msgspec.Struct, frozen=True):
    """One host, the key it shows if any, and what that means; `why` says so in a sentence.

    Args:
        authority: the fingerprint of the CA whose @cert-authority line makes it trusted.
    """

    host: Host
    key: ServerKey | None
    state: State
    why: str = ""
    authority: str = ""

    @property
    def shown(self) -> str:
        if self.key is None:
            return self.why
        return f"{self.key.fingerprint}, certified by {self.authority}" if self.authority else self.key.fingerprint


def look_and_write(
    selection: Selection, access: Access, pace: Pace, *, yes: bool, replace: bool, no_history: bool
) -> int:
    """Returns: 0 when every host is trusted now, else 3; 130 when interrupted."""
    with open_fleet(selection, access, pace) as fleet, Cancel() as cancel, Interrupts(cancel):
        hosts = fleet.strangers(*wanted(selection), exclude=unwanted(selection))
        command = trust_command(selection, access)

        def do(note: Note) -> int:
            all_trusted = True
            for machines in _by_distance(hosts):
                scanned = [_judged(fleet, host, key) for host, key in fleet.server_keys(machines, cancel)]
                if cancel.is_set():
                    complain(f"{cancel.reason}: nothing {'more ' if machines[0].jump else ''}was written")
                    return _INTERRUPTED
                _show(scanned)
                trusted = _settle(fleet.known_hosts, scanned, command, yes=yes, replace=replace)
                all_trusted &= len(trusted) == len(scanned)
                for one in scanned:
                    note(one.host.name, _outcome(one, trusted=one.host.name in trusted))
            return 0 if all_trusted else _NOT_TRUSTED

        return Noted("trust", hosts, cancel, do).carry_out(
            Orders("trust", selection, access, pace, Output(no_history=no_history))
        )


def _outcome(one: Scanned, *, trusted: bool) -> Outcome:
    if trusted:
        return Outcome(Status.OK)
    status = Status.UNREACHABLE if one.key is None else Status.UNTRUSTED
    return Outcome(status, error=ErrorFacts("not-trusted", one.why))


def _by_distance(hosts: Sequence[Host]) -> list[list[Host]]:
    """Hosts and the bastions on the way to them, by the number of bastions before each."""
    bastions = [Host.of(hop, host.jump[:number]) for host in hosts for number, hop in enumerate(host.jump)]
    machines = {(one.address, one.port, len(one.jump)): one for one in [*bastions, *hosts]}
    furthest = max(len(host.jump) for host in machines.values())
    by_distance = [[host for host in machines.values() if len(host.jump) == far] for far in range(furthest + 1)]
    return [machines for machines in by_distance if machines]


def _settle(known_hosts: KnownHosts, scanned: Sequence[Scanned], command: str, *, yes: bool, replace: bool) -> set[str]:
    """Write what may be written, and warn of the rest. Returns: the names of those that are trusted now."""
    writable = {State.NEW, State.CHANGED} if replace else {State.NEW}
    to_write = [one for one in scanned if one.state in writable]
    written = _write(known_hosts, to_write, yes=yes)
    for one in scanned:
        if one.state in {State.REVOKED, State.REFUSED} or (one.state is State.CHANGED and not replace):
            warn(f"{one.host.name}: {one.why}")
    changed = [one.host.name for one in scanned if one.state is State.CHANGED]
    if changed and not replace:
        warn("someone may be listening in")
        warn(f"if they were really rebuilt: {command} --replace {shlex.quote(fold(changed))}")
    return {one.host.name for one in scanned if one.state in {State.SAME, State.CERTIFIED}} | written


def _judged(fleet: Fleet, host: Host, key: ServerKey | FleetError) -> Scanned:
    if isinstance(key, FleetError):
        return Scanned(host, None, State.NONE, key.message)
    try:
        vouching = fleet.known_hosts.judge(host, key)
    except tuple(_STATES) as error:
        return Scanned(host, key, _STATES[type(error)], error.message)
    certified = vouching.authority
    authority = vouching.key.fingerprint if certified else ""
    return Scanned(host, key, State.CERTIFIED if certified else State.SAME, authority=authority)


def _show(scanned: Sequence[Scanned]) -> None:
    rows = [
        (
            one.host.name,
            f"{one.host.address}:{one.host.port}",
            one.key.kind if one.key else "",
            one.shown,
            one.state,
        )
        for one in scanned
    ]
    render_table(Screen.from_process(), ("host", "address", "type", "fingerprint", "state"), rows, style_by=4)


def _write(known_hosts: KnownHosts, to_write: Sequence[Scanned], *, yes: bool) -> set[str]:
    """Write the keys down after a question. Returns: the names of the hosts now known."""
    if not to_write:
        return set()
    files = ", ".join(dict.fromkeys(file for one in to_write for file in one.host.known_hosts[:1]))
    if not yes and not confirm(f"Write {len(to_write)} {'key' if len(to_write) == 1 else 'keys'} to {files}?"):
        complain("nothing was written", "compare the fingerprints, then say yes, or add --yes")
        return set()
    written = {one.host.name for one in to_write if one.key is not None and _wrote(known_hosts, one, one.key)}
    say(f"{len(written)} {'key' if len(written) == 1 else 'keys'} written to {files}")
    return written


def _wrote(known_hosts: KnownHosts, one: Scanned, key: ServerKey) -> bool:
    write = known_hosts.replace if one.state is State.CHANGED else known_hosts.add
    try:
        write(one.host, key)
    except FleetError as error:
        complain(f"{one.host.name}: {error.message}", error.hint)
        return False
    return True
