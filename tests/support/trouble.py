"""A fleet with one host in each kind of trouble beside sound ones; see `in_trouble` for what each of them does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.support import broken, liars
from tests.support.sftp.behaviour import Behaviour
from tests.support.sftp.bends import hangs_up, stops_answering
from tests.support.sftp_servers import serve
from tests.support.sshd import Sshd, SshdStarter

SOUND = ("h001", "h002", "h003")
IN_MID_STREAM = 300_000
"""Bytes of the connection that pass before it is reset, the key exchange among them."""
SAID = b"".join(b"%d\n" % number for number in range(1, 20_001))
"""What a host says to LINE."""
LINE = """
case $FAULT in hangs) exec sleep 986;; esac
seq 20000
case $FAULT in
hangs-after-output) exec sleep 987;;
signal) kill -9 $$;;
fails) exit 3;;
reset-in-mid-stream) exec seq 20001 200000;;
esac
"""
"""The same for all hosts; what it does on one is told by the inventory."""


@contextmanager
def in_trouble(start_sshd: SshdStarter, directory: Path, where: str, sent: bool) -> Iterator[tuple[Sshd, Path]]:
    """Raise the fleet, until the block ends. Yields: the server of the sound hosts, and the inventory.

    Args:
        where: the directory, below its root, that each host has its files in, and `payload` among them.
        sent: the files go to the hosts: a stream that is cut is cut in that direction.
    """
    with ExitStack() as stack:
        server = start_sshd()
        inventory = server.inventory(directory, len(SOUND))
        content = yaml.safe_load(inventory.read_text())
        troubled = {
            **_out_of_reach(stack),
            **_in_commands(server),
            **_in_connections(stack, server, start_sshd("MaxSessions 0"), sent=sent),
            **_in_sftp(stack, directory, where),
        }
        content["hosts"] |= troubled
        inventory.write_text(yaml.safe_dump(content, sort_keys=False))
        yield server, inventory


def _out_of_reach(stack: ExitStack) -> dict[str, Any]:
    ports = {
        "refused": broken.free_port(),
        "black-hole": stack.enter_context(broken.black_hole()),
        "banner-stall": stack.enter_context(broken.server(broken.silent)),
        "kex-stall": stack.enter_context(broken.server(broken.stalls_after_banner)),
        "reset-before-login": stack.enter_context(broken.server(broken.resets_in_key_exchange)),
    }
    return {name: {"address": "127.0.0.1", "port": port} for name, port in ports.items()}


def _in_commands(server: Sshd) -> dict[str, Any]:
    names = ("hangs", "hangs-after-output", "signal", "fails")
    addresses = server.addresses(len(SOUND) + len(names))[len(SOUND) :]
    return {
        name: _at(address, server.port) | {"env": {"FAULT": name}}
        for name, address in zip(names, addresses, strict=True)
    }


def _in_connections(stack: ExitStack, server: Sshd, shut: Sshd, *, sent: bool) -> dict[str, Any]:
    amount = {"sent": IN_MID_STREAM} if sent else {"after": IN_MID_STREAM}
    relay = stack.enter_context(broken.resetting_relay(("127.0.0.1", server.port), **amount))
    gone = stack.enter_context(broken.server(liars.resets_after_login))
    return {
        "reset-after-login": _at("127.0.0.1", gone) | {"user": "anybody", "password": liars.PASSWORD},
        "reset-in-mid-stream": _at("127.0.0.1", relay) | {"env": {"FAULT": "reset-in-mid-stream"}},
        "channel-refused": _at("127.0.0.1", shut.port),
    }


def _in_sftp(stack: ExitStack, directory: Path, where: str) -> dict[str, Any]:
    behaviours: Mapping[str, Behaviour] = {
        "sftp-cut": Behaviour(before=(hangs_up(moved=IN_MID_STREAM),)),
        "sftp-stall": Behaviour(bends=(stops_answering(4),)),
    }
    hosts = {}
    for name, behaviour in behaviours.items():
        root = directory / "roots" / name
        (root / where).mkdir(parents=True)
        hosts[name] = stack.enter_context(serve(root, behaviour)).settings(directory)
    return hosts


def _at(address: str, port: int) -> dict[str, Any]:
    return {"address": address, "port": port, "host_key_policy": "off"}
