"""Encrypted key files are opened before the first connection: a person may have to type, and no server waits for that.

Each is asked for once per run, however many hosts use it, and only where a login may come to need it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleetctl.asking import Ask
from fleetctl.errors import HostError, KeyUnusable
from fleetctl.model import Hop, Login
from fleetctl.ssh.login.agent import agent_keys, agent_socket
from fleetctl.ssh.login.certificates import PublicHalves
from fleetctl.ssh.login.keys import KeyLocked, KeyRing

_AGENT_SECONDS = 5.0


def unlock(hops: Sequence[Hop], ring: KeyRing, halves: PublicHalves, ask: Ask) -> None:
    """Open in the ring what these need of keys whose passphrase nobody has configured."""
    agents = _Agents(halves)
    logins = dict.fromkeys(hop.login for hop in hops)
    for path in dict.fromkeys(path for login in logins for path in _locked(login, ring, agents)):
        ring.unlock(path, ask)


def _locked(login: Login, ring: KeyRing, agents: _Agents) -> Iterator[str]:
    """The encrypted keys that stand before one that needs no passphrase, or that the agent has; none beside a password.

    The others may never be needed, and a question for nothing would come at every run.
    """
    if login.password is not None or login.key_passphrase is not None:
        return
    for path in login.keys:
        try:
            ring.key(path, None)
        except HostError as error:
            if login.agent and agents.hold(path, agent_socket(login)):
                return
            if isinstance(error, KeyLocked):
                yield path
        else:
            return


class _Agents:
    """The ssh-agents, each asked for its keys when that first matters."""

    def __init__(self, halves: PublicHalves) -> None:
        self._halves = halves
        self._keys: dict[str, frozenset[bytes]] = {}

    def hold(self, path: str, socket_path: str) -> bool:
        """Whether the agent there has the key of that file, as far as the file shows which that is."""
        if socket_path not in self._keys:
            self._keys[socket_path] = _held(socket_path)
        return self._halves.key(path).public in self._keys[socket_path]


def _held(socket_path: str) -> frozenset[bytes]:
    try:
        with agent_keys(socket_path, _AGENT_SECONDS) as keys:
            return frozenset(key.asbytes() for key in keys)
    except KeyUnusable:
        return frozenset()
