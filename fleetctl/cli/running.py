"""One way to do an operation for every command: select hosts, start the views, publish the run, tell the exit code."""

from __future__ import annotations

import errno
import os
import resource
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.cli.auditing import audits_of, put_down
from fleetctl.cli.going_on import GoOn
from fleetctl.cli.guarding import agree, alone
from fleetctl.cli.interrupts import Interrupts
from fleetctl.cli.options import Access, Output, Pace, Privilege, Selection, ViewName
from fleetctl.cli.orders import Orders
from fleetctl.cli.prompts import ask_secret
from fleetctl.cli.questions import at_terminal
from fleetctl.cli.recording import origin_of, recorders
from fleetctl.cli.rolling import agreement, order_of, plan_of, teller, what_asks, words_to_go_on
from fleetctl.cli.selecting import trust_command, unwanted, wanted
from fleetctl.cli.settings import load_settings
from fleetctl.cli.sources import load_inventory
from fleetctl.cli.talk import set_verbosity, tell_unwritten, warn
from fleetctl.cli.typed import typed
from fleetctl.cli.viewing import views_of
from fleetctl.engine.task import AnyOperation, Policy
from fleetctl.errors import UsageError
from fleetctl.fleet import Fleet
from fleetctl.inventory import Overrides, VaultPlace, jump_words
from fleetctl.jobs.sequence import Sequence as Walked
from fleetctl.model import ElevationMethod, Host, HostKeyPolicy
from fleetctl.nodes import fold
from fleetctl.operations.stdin import Broadcast
from fleetctl.publishing import publish
from fleetctl.remembering import masks_of
from fleetctl.sizes import counted
from fleetctl.views import BatchLines, Consumer, Footer, NotOk, Screen, Underway


def carry_out(
    operation: AnyOperation | Callable[[Sequence[Host]], AnyOperation],
    orders: Orders,
    stdin: int | None = None,
    check: Callable[[Sequence[Host]], None] | None = None,
) -> int:
    """Do the operation on the selected hosts and show it. Returns: the process's exit code.

    Args:
        operation: itself, or what makes it when the hosts are known.
        stdin: a descriptor that remote commands read from; it is closed in the end.
        check: takes the hosts before anything else is done, and raises when that must not be.

    Raises: UsageError and its kinds, before anything was contacted.
    """
    selection, output, guards = orders.selection, orders.output, orders.guards
    set_verbosity(output.verbose)
    settings = load_settings()
    plan = plan_of(orders)
    _open_as_many_files_as_allowed()
    screen = Screen.from_process()
    steps = isinstance(operation, Walked) and operation.elevates
    fleet = open_fleet(selection, orders.access, orders.pace, orders.privilege, screen, steps=steps)
    agrees = agreement("" if output.dry_run else what_asks(plan, operation), screen, yes=output.yes)
    dry = output.dry_run and not callable(operation)  # files are looked at on the hosts, to say what would be done
    choose = fleet.places if dry else fleet.hosts
    hosts = choose(*wanted(selection), exclude=unwanted(selection), arrange=order_of(orders.limits))
    warn_about(hosts)
    if check is not None:
        check(hosts)
    made = operation(hosts) if callable(operation) else operation
    if not output.dry_run and not output.yes:
        agree(made, [host.name for host in hosts], guards, settings.confirm)
    with ExitStack() as stack:
        cancel = stack.enter_context(Cancel())
        underway = Underway(screen.clock)
        stack.enter_context(Interrupts(cancel, tell=teller(screen, underway, cancel)))
        masks = masks_of(made, hosts, typed().argv)
        if not output.dry_run:
            work = masks.all.text(str(made))
            stack.enter_context(alone(work, len(hosts), guards, settings.locks, cancel))
        origin = origin_of(orders, made, masks, reads_stdin=stdin is not None)
        audits = audits_of(orders, settings, origin, masks)
        kept = recorders(orders, settings, origin, masks, screen)
        consumers: list[Consumer] = [*audits, *kept, underway, *_consumers(screen, output, underway, made)]
        if not output.quiet and not orders.is_show:
            consumers.append(GoOn(screen, words_to_go_on(orders, origin), kept=bool(kept)))
        stack.enter_context(fleet)
        broadcast = stack.enter_context(_broadcast(stdin)) if stdin is not None else None
        events = fleet.start(made, hosts, cancel, stdin=broadcast, dry=dry, rollout=plan, agree=agrees)
        result = publish(events, consumers, cancel)
    tell_unwritten(result.unwritten)
    return put_down(audits, result.exit_code(largest=output.largest))


def _open_as_many_files_as_allowed() -> None:
    """A connection is a descriptor, and so is each of the files that are read or written side by side on each host."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def open_fleet(
    selection: Selection,
    access: Access,
    pace: Pace,
    privilege: Privilege | None = None,
    screen: Screen | None = None,
    *,
    steps: bool = False,
) -> Fleet:
    """The fleet that the options describe.

    Args:
        screen: what else writes to the terminal, and waits while a person answers a server's question.
        steps: there are steps that ask for another user's rights, which the options of privileges are about then.

    Raises: InventoryError, TargetError, UsageError.
    """
    inventory = load_inventory(selection.inventory, selection.host, access.ssh_config)
    for line in inventory.warnings:
        warn(line)
    inventory.select(*wanted(selection), exclude=unwanted(selection))  # before anyone is asked for a password
    rights = privilege or Privilege()
    overrides = Overrides(
        user=access.user,
        port=access.port,
        keys=tuple(map(os.path.expanduser, access.key)) or None,
        password=ask_secret("Password for all hosts: ") if access.ask_pass else None,
        host_key_policy=access.host_key_policy,
        known_hosts=tuple(map(os.path.expanduser, access.known_hosts)) or None,
        connect_timeout=pace.connect_timeout,
        jump=None if access.jump is None else jump_words(access.jump),
        forward_agent=access.forward_agent,
        sudo=rights.sudo if steps else rights.wanted,
        sudo_user=rights.sudo_user,
        sudo_method=rights.sudo_method,
        sudo_password=ask_secret(_sudo_question(rights, access)) if rights.ask_sudo_pass else None,
        sudo_for_steps=steps or None,
    )
    policy = Policy(
        fanout=pace.fanout,
        retries=pace.retries,
        login_timeout=pace.login_timeout,
        auth_failures=access.auth_failures,
    )
    command = trust_command(selection, access)
    return Fleet(
        inventory,
        overrides=overrides,
        ask=ask_secret,
        answer=at_terminal(screen or Screen.from_process()),
        policy=policy,
        trust_command=command,
        vault=VaultPlace(access.vault, access.vault_key),
    )


def _sudo_question(rights: Privilege, access: Access) -> str:
    """Whose password is asked for: su wants that of the other user."""
    method = rights.sudo_method or ElevationMethod.SUDO
    login = access.user or "the login user"
    whose = rights.sudo_user or "root" if method is ElevationMethod.SU else login
    return f"{method.capitalize()} password, that of {whose}, for all hosts: "


def piped_stdin(named: Path | None, *, leave: bool) -> int | None:
    """A descriptor for what remote commands read: the file named, or our own stdin when something was piped into it.

    A terminal, /dev/null and a closed stdin give nothing. Raises: UsageError.
    """
    if named is not None:
        return _opened(named)
    if leave or sys.stdin is None:
        return None
    mode = os.fstat(sys.stdin.fileno()).st_mode
    # Opened anew by its path it would begin again at its first byte, and a socket cannot be opened at all.
    return os.dup(sys.stdin.fileno()) if stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode) else None


def _opened(path: Path) -> int:
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        return os.open(path, os.O_RDONLY)
    except OSError as error:
        hint = "--stdin takes a file or a pipe"
        raise UsageError(f"cannot read {path}: {error.strerror}", hint=hint) from error


def warn_about(hosts: Sequence[Host]) -> None:
    unchecked = [host.name for host in hosts if host.host_key_policy is HostKeyPolicy.OFF]
    if unchecked:
        warn(f"host keys are not checked (policy off): {fold(unchecked)}")
    forwarded = sum(host.forward_agent for host in hosts)
    agents = {host.login.agent_socket or os.environ.get("SSH_AUTH_SOCK") for host in hosts if host.forward_agent}
    if forwarded and not any(agents):
        warn("there is no ssh-agent to forward: SSH_AUTH_SOCK is not set")
    elif forwarded:
        warn(f"agent forwarded to {counted(forwarded, 'host')}: root there can use your keys")


def _consumers(screen: Screen, output: Output, underway: Underway, made: AnyOperation) -> list[Consumer]:
    usual = ViewName.STEPS if isinstance(made, Walked) else ViewName.STREAM
    if isinstance(made, Walked) and output.dry_run and output.output is None and not output.fold:
        from fleetctl.views.plan import PlanView  # other commands show none

        return [PlanView(screen)]
    look = msgspec.structs.replace(output, save=None) if output.dry_run else output
    views = views_of(screen, look, usual)
    left: list[Consumer] = []
    if output.failed_to is not None and not output.dry_run:
        left = [NotOk(output.failed_to)]
    lines = BatchLines(screen, quiet=output.quiet)
    footer = [] if output.quiet else [Footer(screen, underway)]
    return [*left, *footer, lines, *views]


@contextmanager
def _broadcast(descriptor: int) -> Iterator[Broadcast]:
    try:
        with Broadcast(descriptor) as broadcast:
            yield broadcast
    finally:
        os.close(descriptor)
