"""Inventories of hosts behind bastions, and a proxy command that needs no other program."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.support.sshd import Sshd

_RELAY = """
import os, socket, sys, threading
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def outward():
    while data := os.read(0, 65536):
        sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)
threading.Thread(target=outward, daemon=True).start()
while data := sock.recv(65536):
    os.write(1, data)
"""


def bastion_address(number: int) -> str:
    """Of the bastion b1, b2 …"""
    return f"127.0.8.{number}"


def behind(target: Sshd, bastions: Sequence[Sshd], directory: Path, count: int = 3, **settings: Any) -> Path:
    """An inventory with hosts h001 … behind the last of the bastions b1, b2 …, each of which is behind the one before.

    Args:
        settings: go into `defaults`, as with `Sshd.inventory`.
    """
    path = target.inventory(directory, count, **settings)
    content = yaml.safe_load(path.read_text())
    known = directory / "known_hosts"
    for number, bastion in enumerate(bastions, 1):
        address = bastion_address(number)
        own = bastion.known_hosts(directory / f"known-b{number}", [address], ("ed25519",))
        known.write_text(known.read_text() + own.read_text())
        jump = f"b{number - 1}" if number > 1 else []
        content["hosts"][f"b{number}"] = {"address": address, "port": bastion.port, "jump": jump}
    content["groups"] = {"behind": {"hosts": f"h[001-{count:03}]", "jump": f"b{len(bastions)}"}}
    content["default_target"] = "@behind"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def relay_to(place: str, port: str) -> str:
    """A proxy command that carries bytes to a place and back."""
    return f"{shlex.join([sys.executable, '-c', _RELAY])} {place} {port}"
