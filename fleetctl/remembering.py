"""What is kept of a run, and what must not be, whoever begins it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from collections.abc import Sequence as Several
from pathlib import Path

from fleetctl.engine.task import AnyOperation
from fleetctl.history.encoding import readable
from fleetctl.history.masking import Masks, secret_values, secrets_typed
from fleetctl.history.origins import machine, user
from fleetctl.history.recorder import Recorder
from fleetctl.history.records import Origin
from fleetctl.jobs.sequence import Sequence
from fleetctl.model import Host, Secret
from fleetctl.operations.command import Command
from fleetctl.operations.script import Script

BY_SCRIPT = "python"
"""The command of an Origin, where a Python script began the run."""
_log = logging.getLogger("fleetctl.history")


def recorder_of(operation: AnyOperation, hosts: Several[Host], path: Path) -> Recorder:
    """What keeps a run that a Python script begins. `path`: the database."""
    masks = masks_of(operation, hosts)
    argv = (BY_SCRIPT, Path(sys.argv[0]).name, masks.all.text(str(operation)))
    job = operation.job.digest if isinstance(operation, Sequence) else ""
    origin = Origin(
        BY_SCRIPT, tuple(map(readable, argv)), directory=str(Path.cwd()), user=user(), machine=machine(), job=job
    )
    return Recorder(path, origin, warn=_log.warning, masks=masks)


def masks_of(operation: AnyOperation, hosts: Several[Host], argv: Several[str] = ()) -> Masks:
    """What must not be kept of a run: the secrets of each host and of the way to it, and those of a command line."""
    known = {host.name: {secret.reveal() for secret in _secrets(host)} for host in hosts}
    if isinstance(operation, Sequence):
        for host in hosts:  # templates of a job may tell what the inventory has of a host
            known[host.name].update(secret_values(host.vars))
    told = {host: frozenset(secrets) for host, secrets in known.items()}
    return Masks([*_told_by(operation), *secrets_typed(argv)], told)


def _told_by(operation: AnyOperation) -> Iterator[str]:
    """The secrets that it tells hosts itself, as far as the names of variables say so."""
    if isinstance(operation, Command | Script):
        yield from secret_values(operation.env)
    if isinstance(operation, Sequence):
        job = operation.job
        for variables in (operation.extra, job.head.vars, *(step.how.env for step in (*job.steps, *job.handlers))):
            yield from secret_values(variables)


def _secrets(host: Host) -> Iterator[Secret]:
    for elevation in (host.elevation, host.rights):
        if elevation is not None and elevation.password is not None:
            yield elevation.password
    for login in (host.login, *(hop.login for hop in host.jump)):
        yield from filter(None, (login.password, login.key_passphrase, *(answer.secret for answer in login.answers)))
