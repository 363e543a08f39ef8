"""`fleetctl run df` on 200 hosts: direct, behind one bastion, and behind it with `xargs ssh -J`, in turns.

python -m tests.benchmarks.bastion [ROUNDS]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.benchmarks.fleet import fleet
from tests.benchmarks.measure import Command, take_turns
from tests.support.bastions import bastion_address, behind
from tests.support.fleetctl import SCRIPT
from tests.support.sshd import Sshd, serve

HOSTS = 200
FANOUT = 64
ROUNDS = 5


def commands(target: Sshd, bastion: Sshd, inventory: Path, addresses: Path) -> dict[str, Command]:
    """The same work three ways: log in with the RSA key, check host keys strictly, run df."""
    config = inventory.with_name("ssh_config")
    config.write_text(
        f"Host {bastion_address(1)}\n  Port {bastion.port}\n"
        f"Host *\n  Port {target.port}\n  User {target.user}\n  IdentityFile {target.key()}\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {inventory.with_name('known_hosts')}\n  StrictHostKeyChecking yes\n  BatchMode yes\n"
        "  KexAlgorithms curve25519-sha256\n"
    )
    ours: Command = (SCRIPT, "run", "-f", str(FANOUT), "-i", inventory)
    ssh = ("ssh", "-F", config, "-J", bastion_address(1))
    return {
        "direct": (*ours, "-J", "none", "df"),
        "bastion": (*ours, "df"),
        "xargs ssh -J": ("xargs", f"-P{FANOUT}", "-a", addresses, "-I{}", *ssh, "{}", "df"),
    }


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with fleet(HOSTS) as served:
        server = served.server
        with serve(server.account, server.keys, server.host_keys) as bastion:
            inventory = behind(server, [bastion], served.directory, HOSTS)
            costs = take_turns(commands(server, bastion, inventory, served.addresses), rounds)
            sessions = len(re.findall(r"Accepted \w+ for", bastion.log)) - HOSTS * (rounds + 1)
    direct = costs["direct"]
    print(f"{HOSTS} hosts, df, {FANOUT} at once, medians of {rounds} rounds")
    print(f"sessions with the bastion in one run of ours: {sessions / (rounds + 1):g}")
    print(f"{'':<14}{'CPU ms/host':>12}{'wall s':>8}{'MiB':>6}{'its CPU / direct':>18}{'its wall / direct':>18}")
    for name, cost in costs.items():
        row = f"{name:<14}{cost.cpu / HOSTS * 1000:>12.2f}{cost.wall:>8.2f}{cost.peak:>6.0f}"
        print(f"{row}{cost.cpu / direct.cpu:>18.2f}{cost.wall / direct.wall:>18.2f}")


if __name__ == "__main__":
    main()
