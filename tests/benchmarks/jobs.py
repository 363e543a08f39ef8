"""A job of 20 steps on 100 hosts, against a paramiko script and ansible-playbook that run the same lines, in turns.

python -m tests.benchmarks.jobs [ROUNDS [HOSTS]]

CPU is that of all processes that a command begins, those included that ssh's ControlPersist leaves behind. Without
ansible-playbook (`.ci/need ansible`) its row is left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.benchmarks.fleet import Fleet, fleet
from tests.benchmarks.measure import Command, take_turns
from tests.support.fleetctl import SCRIPT

HOSTS = 100
FANOUT = 32
ROUNDS = 3
STEPS = 20
PEERS = Path(__file__).parent / "peers"
PLAYBOOK = Path(sys.prefix) / "ansible" / "bin" / "ansible-playbook"

LINES = [f"test -d /proc && echo step {number}" for number in range(1, STEPS + 1)]
"""Cheap ones: what is measured is what it costs to have them run."""


def commands(served: Fleet) -> dict[str, Command]:
    """The same work three ways: log in to each address with the RSA key, check its key strictly, run each line."""
    server = served.server
    lines = served.lines(LINES)
    peer = (served.addresses, str(server.port), server.user, server.key(), served.known_hosts, str(FANOUT), lines)
    ways: dict[str, Command] = {
        "fleetctl": (*_ours(served), _job(served.directory)),
        "paramiko": (sys.executable, PEERS / "paramiko_lines.py", *peer),
    }
    if PLAYBOOK.exists():
        ways["ansible"] = _ansible(served)
    else:
        print("ansible-playbook is not there, and left out: sh .ci/need ansible", file=sys.stderr)
    return {name: (sys.executable, "-IS", PEERS / "whole_tree.py", *way) for name, way in ways.items()}


def _ours(served: Fleet) -> Command:
    state = served.directory / "state"
    return ("env", f"XDG_STATE_HOME={state}", SCRIPT, "job", "run", "-f", str(FANOUT), "-i", served.inventory)


def _job(directory: Path) -> Path:
    file = directory / "job.yaml"
    file.write_text("targets: '@*'\nsteps:\n" + "".join(f"  - run: {line}\n" for line in LINES))
    return file


def _ansible(served: Fleet) -> Command:
    """As its documentation tells to make it quick: pipelining, ControlPersist, no facts, as many forks as we have."""
    server, directory = served.server, served.directory
    playbook, settings = directory / "playbook.yaml", directory / "ansible.cfg"
    tasks = "".join(f"    - raw: {line}\n      changed_when: false\n" for line in LINES)
    playbook.write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
    settings.write_text(
        f"""[defaults]
forks = {FANOUT}
local_tmp = {directory}/ansible
remote_user = {server.user}
remote_port = {server.port}
private_key_file = {server.key()}
[connection]
pipelining = True
[ssh_connection]
control_path_dir = {directory}/cp
ssh_args = -F none -o ControlMaster=auto -o ControlPersist=60s -o KexAlgorithms=curve25519-sha256 \
-o UserKnownHostsFile={served.known_hosts} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes
"""
    )
    inventory = directory / "hosts.ini"
    inventory.write_text(served.addresses.read_text())
    environment = (f"ANSIBLE_CONFIG={settings}", f"ANSIBLE_HOME={directory}/ansible", "LC_ALL=C.UTF-8")
    return ("env", *environment, PLAYBOOK, "-i", inventory, playbook)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    hosts = int(sys.argv[2]) if len(sys.argv) > 2 else HOSTS
    with fleet(hosts) as served:
        costs = take_turns(commands(served), rounds)
    ours = costs["fleetctl"]
    print(f"{STEPS} steps on {hosts} hosts, {FANOUT} at once, medians of {rounds} rounds")
    print(f"{'':<12}{'CPU s':>8}{'wall s':>8}{'CPU ms/step':>13}{'its CPU / ours':>16}{'its wall / ours':>17}")
    for name, cost in costs.items():
        row = f"{name:<12}{cost.cpu:>8.2f}{cost.wall:>8.2f}{cost.cpu / hosts / STEPS * 1000:>13.2f}"
        print(f"{row}{cost.cpu / ours.cpu:>16.2f}{cost.wall / ours.wall:>17.2f}")


if __name__ == "__main__":
    main()
