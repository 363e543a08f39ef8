"""Fleet, the Python API: wires inventory, sessions and engine. The CLI is written on it.

```python
with Fleet.load("inventory.yaml") as fleet:
    result = fleet.run("df -h", "@web").result()
    print(result.ok, result["web01"].stdout)
```
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Generator, Iterator, Mapping
from collections.abc import Sequence as Several
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.checkup import Step
from fleetctl.engine import Engine
from fleetctl.engine.dry import DryEngine
from fleetctl.engine.task import AnyOperation, Policy, Task
from fleetctl.engine.threads import ThreadEngine
from fleetctl.errors import FleetError, UsageError
from fleetctl.events import Event
from fleetctl.inventory import Inventory, Overrides, VaultPlace, find_default, load, ssh_config_sources
from fleetctl.jobs.sequence import Sequence
from fleetctl.model import Host, Secret
from fleetctl.operations.command import Command
from fleetctl.operations.get import Get
from fleetctl.operations.meeting import Agree, nobody_agrees
from fleetctl.operations.put import Put
from fleetctl.operations.stdin import Following
from fleetctl.rollout import Means, Rollout, roll_out
from fleetctl.rollout.health import Health
from fleetctl.rollout.run import new_run_id
from fleetctl.ssh.dial import Dialer
from fleetctl.ssh.login.visit import Asked
from fleetctl.ssh.pool import Pool
from fleetctl.ssh.session import Session
from fleetctl.ssh.stream.feeding import Stdin
from fleetctl.ssh.trust.hostkeys import KnownHosts
from fleetctl.ssh.trust.known_hosts import ServerKey
from fleetctl.ssh.trust.server_keys import server_keys
from fleetctl.transfer.choices import Choices
from fleetctl.transfer.patterns import Filter
from fleetctl.transfer.shared import Shared
from fleetctl.transfer.throttle import Throttle
from fleetctl.views import Consumer

if TYPE_CHECKING:
    from fleetctl.jobs.language import Job
    from fleetctl.runs import Run

Arrange = Callable[[Several[str]], list[str]]
"""Puts host names in another order, or takes some of them; see `arranging.arranged`."""


Target = str | Several[str] | Several[Host] | None
"""What hosts are named by: an expression, several, the hosts themselves; None for the default target."""
KEPT = 256
"""Sessions that stay open between the calls of a script."""


class Fleet:
    """The hosts of an inventory, and what can be done on them.

    Args:
        inventory: where hosts and their settings come from.
        overrides: settings that win over it, for all hosts.
        ask: asks the user for a secret; None where nobody can be asked.
        answer: puts a server's question to the user; None where nobody can be asked.
        policy: how many at once, how often to try, how long to wait.
        keep: how many idle connections stay open between calls.
        history: the database that keeps what `run`, `put`, `get` and `job` do; None keeps nothing.
        trust_command: what a person types, with a host's name behind it, to trust a key.
        vault: where secrets that `{vault: NAME}` refers to are kept; None leaves that to the environment.
    """

    def __init__(
        self,
        inventory: Inventory,
        *,
        overrides: Overrides | None = None,
        ask: Callable[[str], Secret] | None = None,
        answer: Asked | None = None,
        policy: Policy | None = None,
        keep: int = 0,
        history: Path | None = None,
        trust_command: str = "fleetctl trust",
        vault: VaultPlace | None = None,
    ) -> None:
        self.inventory = inventory
        self._overrides = overrides or Overrides()
        self._ask = ask
        self._vault = vault
        self._policy = policy or Policy()
        self._history = history
        dialer = Dialer(
            login_timeout=self._policy.login_timeout,
            trust_command=trust_command,
            auth_failures=self._policy.auth_failures,
            hidden=inventory.hidden_variables,
            run_answer=inventory.run_answer,
            ask=answer,
        )
        self._pool = Pool(dialer, keep=keep)
        self._runs: weakref.WeakSet[Run] = weakref.WeakSet()

    @classmethod
    def load(
        cls,
        *files: str | Path,
        overrides: Overrides | None = None,
        policy: Policy | None = None,
        ask: Callable[[str], Secret] | None = None,
        vault: VaultPlace | None = None,
        ssh_config: Path | None = None,
        keep: int = KEPT,
        history: bool | Path = False,
    ) -> Fleet:
        """The fleet of inventory files; without any, of those that `fleetctl` would take.

        Args:
            ssh_config: the file to read in place of those that ssh reads; `Path("none")` for none.
            keep: how many sessions stay open between calls; a session is a thread here and a login there.
            history: keep a record of each run, where `fleetctl history` finds it, or in a database of that path.

        The others are those of `Fleet` itself. Raises: InventoryError, UsageError.
        """
        paths = [Path(file) for file in files] or find_default()
        if not paths:
            raise UsageError("no inventory found", hint="name a file, or write ./inventory.yaml")
        inventory = load(paths, ssh_config_sources(ssh_config))
        if history is True:
            from fleetctl.history.place import default_path  # noqa: PLC0415 - as few scripts need

            history = default_path()
        return cls(
            inventory, overrides=overrides, policy=policy, ask=ask, vault=vault, keep=keep, history=history or None
        )

    def __enter__(self) -> Fleet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for run in tuple(self._runs):
            run.close()
        self._pool.close()

    @property
    def known_hosts(self) -> KnownHosts:
        return self._pool.dialer.known_hosts

    def hosts(self, *targets: str, exclude: Several[str] = (), arrange: Arrange = list) -> tuple[Host, ...]:
        """The hosts that any of some expressions selects, with secrets resolved for these alone.

        Args:
            arrange: puts their names in order, or picks some of them; without it they come as in the inventory.

        Raises: TargetError, SecretError.
        """
        return self._hosts(arrange(self.inventory.select(*targets, exclude=exclude)), self._overrides)

    def _hosts(self, names: Several[str], overrides: Overrides) -> tuple[Host, ...]:
        ask = self._asking_once()
        hosts = tuple(self.inventory.hosts(names, overrides, ask, self._vault))
        if ask is not None:
            self._pool.dialer.unlock_keys([hop for host in hosts for hop in (*host.jump, host)], ask)
        return hosts

    def places(self, *targets: str, exclude: Several[str] = (), arrange: Arrange = list) -> tuple[Host, ...]:
        """The same hosts without their secrets, for what needs no login.

        Raises: TargetError.
        """
        names = arrange(self.inventory.select(*targets, exclude=exclude))
        return tuple(self.inventory.places(names, self._overrides))

    def strangers(self, *targets: str, exclude: Several[str] = ()) -> tuple[Host, ...]:
        """The same hosts, for what logs in to the bastions on the way at most.

        Raises: TargetError, SecretError.
        """
        names = self.inventory.select(*targets, exclude=exclude)
        ask = self._asking_once()
        hosts = tuple(self.inventory.strangers(names, self._overrides, ask, self._vault))
        if ask is not None:
            self._pool.dialer.unlock_keys([hop for host in hosts for hop in host.jump], ask)
        return hosts

    def _asking_once(self) -> Callable[[str], Secret] | None:
        """A question that is put again has its answer already: the vault and a login may need the same key."""
        return None if self._ask is None else functools.cache(self._ask)

    def start(
        self,
        operation: AnyOperation,
        hosts: Several[Host],
        cancel: Cancel,
        *,
        stdin: Stdin | None = None,
        dry: bool = False,
        rollout: Rollout | None = None,
        agree: Agree = nobody_agrees,
        policy: Policy | None = None,
    ) -> Iterator[Event]:
        """Do one operation on hosts; work begins when the first event is asked for.

        Every host gets exactly one HostFinished, and the last event is RunFinished.

        Args:
            rollout: in which batches, and what stops it; None is all at once, whatever fails.
            agree: is asked whether to go on, where the rollout or a job says so.
            policy: in place of the fleet's own.
        """
        how = policy or self._policy
        run = new_run_id()
        if isinstance(operation, Sequence):
            operation = msgspec.structs.replace(operation, run=run, hidden=self.inventory.hidden_variables)
        task = Task(operation, tuple(hosts), how)
        plan = rollout or Rollout()
        if plan.check is not None and not plan.check.here:
            self._pool.keep_at_least(how.fanout)  # it follows on the same hosts
        engine: Engine = DryEngine() if dry else ThreadEngine(self._pool, stdin, _shared(operation), agree)
        health = Health(ThreadEngine(self._pool), how, self.inventory.hidden_variables)
        return roll_out(task, Means(engine, health, agree), cancel, run, plan)

    def run(
        self,
        command: str | Command,
        target: Target = None,
        *,
        stdin: bytes | None = None,
        rollout: Rollout | None = None,
        consumers: Several[Consumer] = (),
    ) -> Run:
        """Run a command line on hosts.

        Args:
            command: for the login shell; a Command says more: variables, a directory, a time-out.
            target: an expression, as `@web&@tag:eu`, or a list of them; or hosts. None is the default target, and an
                empty list no host at all.
            stdin: what it reads on each host; nothing without.
            rollout: in batches, and what stops it; see `Rollout.of`.
            consumers: what else sees the events: views, or a recorder that keeps them in history.

        Raises: TargetError, SecretError.
        """
        operation = Command(command) if isinstance(command, str) else command
        fed = None if stdin is None else Following(stdin)
        return self._run(operation, self._meant(target), consumers, stdin=fed, rollout=rollout)

    def put(
        self,
        src: str | Path | Several[str | Path],
        dest: str,
        target: Target = None,
        *,
        mode: int | None = None,
        owner: str = "",
        exclude: Several[str] = (),
        choices: Choices | None = None,
        rollout: Rollout | None = None,
        consumers: Several[Consumer] = (),
    ) -> Run:
        """Send files and directories to hosts, whole or not at all.

        Args:
            src: paths and patterns here; `dir/` is what is in a directory.
            dest: the path there; as scp has it, a directory if it is one or ends in `/`.
            mode: permission bits for all files.
            owner: `user`, `user:group` or `:group`; needs root.
            exclude: patterns of what is left out of directories.
            choices: how: only what has changed, with what is not here deleted there, no faster than …

        The others are those of `run`. Raises: UsageError and its kinds.
        """
        from fleetctl.operations.files import sending  # noqa: PLC0415 - the command has what it needs by then

        operation = sending(
            _words(src), dest, choices or Choices(), recursive=True, choice=Filter(tuple(exclude)), mode=mode,
            owner=owner,
        )  # fmt: skip
        return self._run(operation, self._meant(target), consumers, rollout=rollout)

    def get(
        self,
        src: str | Several[str],
        dest: str | Path,
        target: Target = None,
        *,
        layout: str = "{host}/{name}",
        exclude: Several[str] = (),
        choices: Choices | None = None,
        consumers: Several[Consumer] = (),
    ) -> Run:
        """Fetch files and directories from hosts, into a directory for each.

        Args:
            src: paths and patterns there.
            dest: a directory here; it is made.
            layout: what a source becomes in it.

        The others are those of `put`. Raises: UsageError and its kinds.
        """
        from fleetctl.operations.files import fetching  # noqa: PLC0415 - as above

        hosts = self._meant(target)
        names = [host.name for host in hosts]
        operation = fetching(
            _words(src), str(dest), names, choices or Choices(), template=layout, recursive=True,
            choice=Filter(tuple(exclude)),
        )  # fmt: skip
        return self._run(operation, hosts, consumers)

    def job(
        self,
        job: str | Path | Job,
        target: Target = None,
        *,
        vars: Mapping[str, Any] | None = None,  # noqa: A002 - so they are called in job files
        tags: Several[str] = (),
        skip_tags: Several[str] = (),
        start_at: str = "",
        agree: Agree = nobody_agrees,
        consumers: Several[Consumer] = (),
    ) -> Run:
        """Play a job file: its targets, where none is given, and its policy hold.

        Args:
            vars: over those of the job and the inventory.
            tags, skip_tags, start_at: which steps are done, as with `fleetctl job run`.
            agree: is asked where the job asks; without it nobody agrees.

        The others are those of `run`. Raises: JobError with every mistake of the file; UsageError and its kinds.
        """
        from fleetctl.plays import prepared  # noqa: PLC0415 - jinja2 takes 40 ms, which others need not spend

        play = prepared(job, dict(vars or {}), tags, skip_tags, start_at)
        hosts = self._meant((play.targets or None) if target is None else target, play.over(self._overrides))
        play.check(hosts)
        how = play.policy(self._policy)
        return self._run(play.sequence, hosts, consumers, rollout=play.rollout, agree=agree, policy=how)

    def _meant(self, target: Target, overrides: Overrides | None = None) -> tuple[Host, ...]:
        """The hosts of a target; of an empty list none, and not all. Raises: TargetError, SecretError."""
        words = [target] if isinstance(target, str) else list(target or ())
        hosts = tuple(word for word in words if isinstance(word, Host))
        if hosts or (target is not None and not words):
            return hosts
        names = self.inventory.select(*(word for word in words if isinstance(word, str)))
        return self._hosts(names, overrides or self._overrides)

    def _run(
        self,
        operation: AnyOperation,
        hosts: Several[Host],
        consumers: Several[Consumer],
        *,
        stdin: Stdin | None = None,
        rollout: Rollout | None = None,
        agree: Agree = nobody_agrees,
        policy: Policy | None = None,
    ) -> Run:
        from fleetctl.runs import Run  # noqa: PLC0415 - the command goes through its events by itself

        def begin(cancel: Cancel) -> Iterator[Event]:
            return self.start(operation, hosts, cancel, stdin=stdin, rollout=rollout, agree=agree, policy=policy)

        if self._history is not None:
            from fleetctl.remembering import recorder_of  # noqa: PLC0415 - it brings sqlite3, which few scripts need

            consumers = [recorder_of(operation, hosts, self._history), *consumers]
        run = Run(begin, consumers)
        self._runs.add(run)
        return run

    def session(self, host: Host, cancel: Cancel) -> AbstractContextManager[Session]:
        """An authenticated session with one host, until the block is left.

        Raises: UnreachableError, UntrustedError, DeniedError, TimedOut and their kinds; Cancelled.
        """
        return self._pool.session(host, cancel)

    def examine(self, host: Host, cancel: Cancel) -> Generator[Step]:
        """The way to a host, step by step; what fails is a Step. For one host at a time, and nothing else beside.

        Raises: Cancelled.
        """
        from fleetctl.ssh.checkup.examine import examine  # noqa: PLC0415 - 8 ms, which doctor alone need spend

        return examine(self._pool.dialer, host, cancel)

    def server_keys(self, hosts: Several[Host], cancel: Cancel) -> Iterator[tuple[Host, ServerKey | FleetError]]:
        """The key that each host's server shows now, or why there is none; in the order given."""
        return server_keys(self._pool.dialer, hosts, self._policy.fanout, cancel)


def _words(src: str | Path | Several[str | Path]) -> list[str]:
    return [str(src)] if isinstance(src, str | Path) else list(map(str, src))


def _shared(operation: AnyOperation) -> Shared:
    return Shared(Throttle(operation.choices.limit)) if isinstance(operation, Put | Get) else Shared()
