"""The keys that many servers show, looked at side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from fleetctl.cancel import Cancel
from fleetctl.errors import Fault, FleetError
from fleetctl.model import Host
from fleetctl.ssh.dial import Dialer
from fleetctl.ssh.trust.known_hosts import ServerKey


def server_keys(
    dialer: Dialer, hosts: Sequence[Host], fanout: int, cancel: Cancel
) -> Iterator[tuple[Host, ServerKey | FleetError]]:
    """The key of each host's server, or why there is none; in the order given, `fanout` at once."""

    def key_of(host: Host) -> ServerKey | FleetError:
        try:
            return dialer.server_key(host, cancel)
        except FleetError as error:
            return error
        except Exception as error:  # noqa: BLE001 - the other hosts must go on
            return Fault(error)

    with ThreadPoolExecutor(max(1, min(fanout, len(hosts)))) as workers:
        yield from zip(hosts, workers.map(key_of, hosts), strict=True)
