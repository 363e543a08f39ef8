"""`fleetctl run df` on 250 hosts, against asyncssh, plain paramiko and `xargs ssh`, in turns on one sshd.

python -m tests.benchmarks.run_df [ROUNDS]
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.benchmarks.fleet import Fleet, fleet
from tests.benchmarks.measure import Command, take_turns
from tests.support.fleetctl import SCRIPT

HOSTS = 250
FANOUT = 64
ROUNDS = 7
PEERS = Path(__file__).parent / "peers"


def commands(served: Fleet) -> dict[str, Command]:
    """The same work four ways: log in to each address with the RSA key, check its key strictly, run df."""
    server = served.server
    key = server.key()
    ssh = ("ssh", "-F", "none", "-i", key, "-p", str(server.port), "-l", server.user,
           "-o", "KexAlgorithms=curve25519-sha256", "-o", f"UserKnownHostsFile={served.known_hosts}",
           "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes")  # fmt: skip
    peer = (served.addresses, str(server.port), server.user, key, served.known_hosts, str(FANOUT))
    return {
        "fleetctl": (SCRIPT, "run", "-f", str(FANOUT), "-i", served.inventory, "df"),
        "asyncssh": (sys.executable, PEERS / "asyncssh_df.py", *peer),
        "paramiko": (sys.executable, PEERS / "paramiko_lines.py", *peer, served.lines(["df"])),
        "xargs ssh": ("xargs", f"-P{FANOUT}", "-a", served.addresses, "-I{}", *ssh, "{}", "df"),
    }


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with fleet(HOSTS) as served:
        costs = take_turns(commands(served), rounds)
    ours = costs["fleetctl"]
    print(f"{HOSTS} hosts, df, {FANOUT} at once, medians of {rounds} rounds")
    print(f"{'':<12}{'CPU ms/host':>12}{'wall s':>8}{'MiB':>6}{'our CPU / its':>15}{'our wall / its':>15}")
    for name, cost in costs.items():
        row = f"{name:<12}{cost.cpu / HOSTS * 1000:>12.2f}{cost.wall:>8.2f}{cost.peak:>6.0f}"
        print(f"{row}{ours.cpu / cost.cpu:>15.2f}{ours.wall / cost.wall:>15.2f}")


if __name__ == "__main__":
    main()
