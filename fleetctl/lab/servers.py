"""All hosts of a lab in one event loop: their keys, their doors, and what is written about them."""

from __future__ import annotations

import asyncio
import getpass
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import asyncssh

from fleetctl.lab.door import Door, Enter, Line
from fleetctl.lab.faults import NONE, Fault
from fleetctl.lab.host import Reception, Site
from fleetctl.lab.layout import Address, Layout, furnish, write_inventory, write_password, write_private
from fleetctl.lab.replies import Replies
from fleetctl.lab.seen import Seen

_log = logging.getLogger(__name__)

_KEY_TYPE = "ssh-ed25519"
SOFTWARE = "fleetctl_lab"
"""What the servers call themselves. It has no commands of its own in place of those asked for (ssh/ending.py)."""
_LOGIN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Wishes:
    """What lab is wanted.

    Args:
        latency: seconds of a round trip to pretend.
        faults: by name of the host.
        replies: what hosts answer in place of running anything; None where they run what they are told.
    """

    layout: Layout
    password: bool
    latency: float
    faults: Mapping[str, Fault]
    replies: Replies | None = None


@dataclass(frozen=True, slots=True)
class _Served:
    site: Site
    door: Door
    key: asyncssh.SSHKey

    @property
    def address(self) -> Address:
        return Address(self.site.name, self.door.port, self.key.export_public_key().decode().strip())


def serve(wishes: Wishes, seen: Mapping[str, Seen], ready: Callable[[Callable[[], None]], None]) -> None:
    """Serve the hosts of `seen` until told to stop; then every connection and command is ended.

    Args:
        ready: called once all hosts listen, with the function that stops them, from any thread.
    """
    asyncio.run(_serve(wishes, seen, ready))


async def _serve(wishes: Wishes, seen: Mapping[str, Seen], ready: Callable[[Callable[[], None]], None]) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    served = _prepare(wishes, seen)
    try:
        write_inventory(wishes.layout, [one.address for one in served], password=wishes.password)
        for one in served:
            one.door.open()
        ready(lambda: _from_any_thread(loop, stop))
        await stop.wait()
    finally:
        await asyncio.gather(*(one.door.close() for one in served))
        commands = [task for one in served for task in one.site.commands]
        await asyncio.gather(*commands, return_exceptions=True)


def _from_any_thread(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    loop.call_soon_threadsafe(stop.set)


def _prepare(wishes: Wishes, seen: Mapping[str, Seen]) -> Sequence[_Served]:
    layout = wishes.layout
    client_key = asyncssh.generate_private_key(_KEY_TYPE)
    write_private(layout.client_key, client_key.export_private_key())
    password = write_password(layout) if wishes.password else None
    if wishes.replies is None:
        furnish(layout, list(seen))
    else:
        for name in seen:
            layout.home(name).mkdir(parents=True)
    user = getpass.getuser()
    sites = [
        Site(name, layout, user, client_key, password, wishes.faults.get(name, NONE), counts, wishes.replies)
        for name, counts in seen.items()
    ]
    return [_host(site, wishes.latency) for site in sites]


def _host(site: Site, latency: float) -> _Served:
    key = asyncssh.generate_private_key(_KEY_TYPE)
    return _Served(site, Door(site.fault, latency, site.seen, _entrance(site, key)), key)


def _entrance(site: Site, host_key: asyncssh.SSHKey) -> Enter:
    options = asyncssh.SSHServerConnectionOptions(
        server_host_keys=[host_key], encoding=None, line_editor=False, gss_host=None, agent_forwarding=False,
        kbdint_auth=False, host_based_auth=False, login_timeout=_LOGIN_SECONDS, server_version=SOFTWARE,
    )  # fmt: skip

    async def enter(connected: socket.socket, line: Line) -> None:
        reception = Reception(site, line)
        try:
            connection = await asyncssh.run_server(connected, options=options, server_factory=lambda: reception)
            await connection.wait_closed()
        except (asyncssh.Error, OSError, TimeoutError) as error:
            _log.debug("%s: %s", site.name, error)
        finally:
            await reception.end()

    return enter
