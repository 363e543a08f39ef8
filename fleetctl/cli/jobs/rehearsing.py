"""What `fleetctl job rehearse` does: raise lab hosts that are called like the job's, and play the job there.

No host of the inventory is contacted, no command line of the job is run anywhere, and nothing is kept of it.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import typer

from fleetctl.cli.job_options import Course, Rehearsal
from fleetctl.cli.jobs.checking import refuse
from fleetctl.cli.jobs.running import orders_for, sequence_of
from fleetctl.cli.options import Access, Selection
from fleetctl.cli.orders import Orders
from fleetctl.cli.rolling import order_of
from fleetctl.cli.rollout_options import Batches, CheckOn
from fleetctl.cli.running import carry_out, open_fleet
from fleetctl.cli.selecting import unwanted, wanted
from fleetctl.cli.talk import say
from fleetctl.durations import ASK, seconds_in
from fleetctl.errors import UsageError
from fleetctl.inventory.mistakes import did_you_mean
from fleetctl.jobs.facts import question
from fleetctl.jobs.language import Job
from fleetctl.jobs.rehearsal import LONGEST_PAUSE, Telling, can_fail, rehearsed, restarting, told
from fleetctl.lab import Fault, Lab, Reply
from fleetctl.lab.fates import Fate, fates
from fleetctl.model import Host
from fleetctl.nodes import fold
from fleetctl.sizes import counted

_MOST_SEEDS = 10_000
_FACTS_SECONDS = 30.0


def rehearse_job(file: Path, course: Course, rehearsal: Rehearsal, orders: Orders, context: typer.Context) -> int:
    """Returns: the exit code that such a run has. Raises: UsageError and its kinds, before a lab is raised."""
    sequence = sequence_of(file, course, orders)
    as_written = sequence
    played = rehearsed(sequence.job, _answers(rehearsal.answer, sequence.job))
    sequence = msgspec.structs.replace(sequence, job=played, asks=False)
    orders = orders_for(played, orders, context)
    hosts = _hosts(orders)
    refuse(as_written, hosts)
    wrong = _fates(rehearsal, hosts, played)
    with tempfile.TemporaryDirectory(prefix="fleetctl-rehearsal-") as directory:
        replies = _Replies(wrong, orders.batches.check, _facts())
        faults = {host: Fault(refuse_after=0) for host, fate in wrong.items() if fate.kind == "refuses"}
        lab = Lab(Path(directory) / "lab", [host.name for host in hosts], faults=faults, replies=replies.to)
        with lab:
            inventory = Path(directory) / "inventory.yaml"
            inventory.write_text(_inventory(hosts, lab))
            return carry_out(sequence, _for_the_lab(orders, inventory))


def _answers(pairs: Iterable[str], job: Job) -> dict[str, str]:
    """By the step's name. Raises: UsageError for a step that the job does not have."""
    names = [step.name for step in (*job.steps, *job.handlers)]
    answers: dict[str, str] = {}
    for pair in pairs:
        # A step's name may have a = in it; a longer name is the one that is meant.
        name = max((name for name in names if pair.startswith(f"{name}=")), key=len, default=None)
        if name is None:
            given = pair.partition("=")[0]
            raise UsageError(f"--answer: there is no step {given!r}{did_you_mean(given, names)}", hint="STEP=TEXT")
        answers[name] = pair.removeprefix(f"{name}=")
    return answers


def _hosts(orders: Orders) -> tuple[Host, ...]:
    """Those that the job is for. Of what they are no secret is asked for."""
    with open_fleet(orders.selection, Access(), orders.pace) as fleet:
        targets, without = wanted(orders.selection), unwanted(orders.selection)
        return fleet.places(*targets, exclude=without, arrange=order_of(orders.limits))


def _fates(rehearsal: Rehearsal, hosts: Sequence[Host], job: Job) -> Mapping[str, Fate]:
    """What is to go wrong; told, so that who watches knows it, and can have it again."""
    say(f"fleetctl: this is a rehearsal, on {counted(len(hosts), 'lab host')} of this machine alone")
    if not rehearsal.faults and rehearsal.seed is None:
        return {}
    seed = secrets.randbelow(_MOST_SEEDS) if rehearsal.seed is None else rehearsal.seed
    wrong = fates([host.name for host in hosts], can_fail(job), seed, restarting(job))
    say(f"fleetctl: what goes wrong (the same again: --seed {seed}):")
    for fate in dict.fromkeys(wrong.values()):
        say(f"  {fold([host for host, its in wrong.items() if its == fate])} {fate}")
    return wrong


def _inventory(hosts: Sequence[Host], lab: Lab) -> str:
    """The hosts with their variables, tags and groups, at the doors of the lab."""
    import yaml

    groups: dict[str, dict[str, Any]] = {}
    for host in hosts:
        for group in host.groups:
            groups.setdefault(group, {"hosts": []})["hosts"].append(host.name)
    login = {"user": lab.user, "keys": [str(lab.client_key)], "agent": False}
    trust = {"known_hosts": str(lab.known_hosts), "host_key_policy": "strict"}
    known = {host.name: _settings(host, lab) for host in hosts}
    return yaml.safe_dump({"defaults": {**login, **trust}, "groups": groups, "hosts": known}, sort_keys=False)


def _settings(host: Host, lab: Lab) -> dict[str, Any]:
    address, port = lab.host(host.name)
    return {"address": address, "port": port, "tags": list(host.tags), "vars": msgspec.to_builtins(host.vars)}


def _for_the_lab(orders: Orders, inventory: Path) -> Orders:
    """All hosts of the lab, in the order that they have, and no waiting for its own sake."""
    batches = msgspec.structs.replace(orders.batches, check_on=CheckOn.HOSTS, pause=_shortened(orders.batches))
    return msgspec.structs.replace(
        orders,
        selection=Selection(inventory=[inventory]),
        access=Access(ssh_config=Path("none")),
        limits=msgspec.structs.replace(orders.limits, order=type(orders.limits)().order, pick=None),
        batches=batches,
        output=msgspec.structs.replace(orders.output, yes=True, dry_run=False),
    )


def _shortened(batches: Batches) -> str | None:
    if batches.pause is None or batches.pause == ASK:
        return None
    return str(min(seconds_in(batches.pause), LONGEST_PAUSE))


def _facts() -> bytes:
    """What this machine answers when it is asked what it is."""
    env = {"PATH": os.environ.get("PATH", os.defpath)}
    asked = ["/bin/sh", "-c", question()]
    return subprocess.run(asked, capture_output=True, env=env, timeout=_FACTS_SECONDS, check=False).stdout


class _Replies:
    """What the lab hosts answer; for the lab's thread.

    Args:
        wrong: what goes wrong, by host.
        check: the command line that each batch is checked with.
        facts: what hosts answer when they are asked what they are.
    """

    def __init__(self, wrong: Mapping[str, Fate], check: str | None, facts: bytes) -> None:
        self._wrong = wrong
        self._check = check
        self._facts = facts

    def to(self, host: str, line: str) -> Reply | None:
        """What a host says to a command line; a shell is nothing that it has."""
        if line == self._check:
            return Reply(stderr=f"would check: {line}\n".encode())
        if line == question():
            return Reply(self._facts)
        telling = told(line)
        return None if telling is None else self._said(host, telling)

    def _said(self, host: str, telling: Telling) -> Reply:
        fate = self._wrong.get(host)
        said = f"{telling.text}\n"
        if fate is not None and fate.step == telling.step:
            if fate.kind == "drops":
                return Reply(resets=True)
            return Reply(stderr=f"{said}fails here, as --faults wants it\n".encode(), exit_code=1)
        seconds = 0.0 if fate is None else fate.seconds
        answer = f"{telling.answer}\n".encode() if telling.answer else b""
        return Reply(answer, said.encode(), seconds=seconds, resets=telling.restarts)
