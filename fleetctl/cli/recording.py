"""What is kept of a run: its recorder, and what is known of the run before it begins."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator
from collections.abc import Sequence as Several
from contextlib import suppress
from typing import Any

import msgspec

from fleetctl.cli.orders import Orders
from fleetctl.cli.past import history_path
from fleetctl.cli.selecting import unwanted, wanted
from fleetctl.cli.settings import HistorySettings, Settings
from fleetctl.cli.sources import digest
from fleetctl.cli.typed import typed
from fleetctl.engine.task import AnyOperation
from fleetctl.history.encoding import readable
from fleetctl.history.masking import Masks, secret_values, secrets_typed
from fleetctl.history.recorder import Recorder
from fleetctl.history.records import Origin, Retention
from fleetctl.jobs.sequence import Sequence
from fleetctl.model import Host, Secret
from fleetctl.operations.command import Command
from fleetctl.operations.script import Script
from fleetctl.views import Screen, sanitize


def recorders(orders: Orders, settings: Settings, origin: Origin, masks: Masks, screen: Screen) -> list[Recorder]:
    """The one that keeps a run; none where nothing is done on hosts, or the user wants none kept."""
    output = orders.output
    if output.no_history or not settings.history.enabled or output.dry_run or orders.is_show:
        return []

    def tell(text: str) -> None:
        with suppress(OSError):  # a run whose stderr is closed goes on without history, too
            screen.say(f"fleetctl: warning: {sanitize(text)}")

    retention = _retention(settings.history)
    return [Recorder(history_path(settings), origin, warn=tell, masks=masks, retention=retention)]


def _retention(settings: HistorySettings) -> Retention:
    wanted = {"days": settings.keep_days, "runs": settings.keep_runs, "bytes": settings.keep_size}
    return msgspec.convert({name: value for name, value in wanted.items() if value is not None}, Retention)


def masks_of(operation: AnyOperation, hosts: Several[Host]) -> Masks:
    """What must not be kept of a run: the secrets of each host and of the way to it, and those that were typed."""
    known = {host.name: {secret.reveal() for secret in _secrets(host)} for host in hosts}
    if isinstance(operation, Sequence):
        for host in hosts:  # templates of a job may tell what the inventory has of a host
            known[host.name].update(secret_values(host.vars))
    told = {host: frozenset(secrets) for host, secrets in known.items()}
    return Masks([*_told_by(operation), *secrets_typed(typed().argv)], told)


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


def origin_of(orders: Orders, operation: AnyOperation, masks: Masks, *, reads_stdin: bool) -> Origin:
    """Where a run comes from that is about to begin."""
    words = typed()
    argv = tuple(map(readable, masks.all.words(words.argv)))
    return Origin(
        command=orders.command,
        argv=argv,
        masked=argv != words.argv,
        directory=words.directory,
        user=user(),
        machine=machine(),
        inventory=words.inventory or digest(orders.selection.inventory, orders.selection.host),
        targets=(*wanted(orders.selection), *(f"!{word}" for word in unwanted(orders.selection))),
        policy=_policy(orders),
        parent=words.parent,
        reads_stdin=reads_stdin,
        job=operation.job.digest if isinstance(operation, Sequence) else "",
        resumes=bool(words.points),
    )


def user() -> str:
    """Who we are here, and who became us by sudo."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        name = str(os.geteuid())
    before = os.environ.get("SUDO_USER", "")
    return f"{name} (sudo by {before})" if before and before != name else name


def machine() -> str:
    """This machine, the terminal, and the address that the user came from by ssh."""
    client = os.environ.get("SSH_CONNECTION", "").partition(" ")[0]
    words = [socket.gethostname(), _terminal(), f"from {client}" if client else ""]
    return " ".join(filter(None, words))


def _terminal() -> str:
    for descriptor in range(3):
        try:
            return os.ttyname(descriptor).removeprefix("/dev/")
        except OSError:
            continue
    return ""


def _policy(orders: Orders) -> dict[str, Any]:
    """How it is carried out, where that is not as always."""
    pace = {"fanout": orders.pace.fanout} | _said(orders.pace)
    rights = {} if orders.privilege is None else _said(orders.privilege)
    rollout = _said(orders.limits) | _said(orders.batches)
    rollout.pop("check", None)  # it stands in argv, where secrets are masked
    return pace | rights | rollout


def _said(options: msgspec.Struct) -> dict[str, Any]:
    """The options that differ from their defaults."""
    usual = type(options)()
    named = {field: getattr(options, field) for field in options.__struct_fields__}
    return {field: value for field, value in named.items() if value != getattr(usual, field)}
