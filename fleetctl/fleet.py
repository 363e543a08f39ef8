"""Fleet, the Python API: wires inventory, sessions and engine. The CLI is written on it.

```python
with Cancel() as cancel, Fleet(load([Path("inventory.yaml")])) as fleet:
    events = fleet.start(Command("df -h"), fleet.hosts("@web"), cancel)
    result = publish(events, [], cancel)
    print(result.ok, result.outcomes["web01"].exit_code)
```
"""

from __future__ import annotations

import functools
import secrets
import time
from collections.abc import Callable, Generator, Iterator
from collections.abc import Sequence as Several
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from types import TracebackType

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.checkup import Step
from fleetctl.engine import Engine
from fleetctl.engine.dry import DryEngine
from fleetctl.engine.task import AnyOperation, Policy, Task
from fleetctl.engine.threads import ThreadEngine
from fleetctl.errors import Fault, FleetError
from fleetctl.events import Event
from fleetctl.inventory import Inventory, Overrides, VaultPlace
from fleetctl.jobs.sequence import Sequence
from fleetctl.model import Host, Secret
from fleetctl.operations.get import Get
from fleetctl.operations.meeting import Agree, nobody_agrees
from fleetctl.operations.put import Put
from fleetctl.rollout import Means, Rollout, roll_out
from fleetctl.rollout.health import Health
from fleetctl.ssh.dial import Dialer
from fleetctl.ssh.login.visit import Asked
from fleetctl.ssh.pool import Pool
from fleetctl.ssh.session import Session
from fleetctl.ssh.stream.feeding import Stdin
from fleetctl.ssh.trust.hostkeys import KnownHosts
from fleetctl.ssh.trust.known_hosts import ServerKey
from fleetctl.transfer.shared import Shared
from fleetctl.transfer.throttle import Throttle

Arrange = Callable[[Several[str]], list[str]]
"""Puts host names in another order, or takes some of them; see `arranging.arranged`."""


class Fleet:
    """The hosts of an inventory, and what can be done on them.

    Args:
        inventory: where hosts and their settings come from.
        overrides: settings that win over it, for all hosts.
        ask: asks the user for a secret; None where nobody can be asked.
        answer: puts a server's question to the user; None where nobody can be asked.
        policy: how many at once, how often to try, how long to wait.
        keep: how many idle connections stay open between calls.
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
        trust_command: str = "fleetctl trust",
        vault: VaultPlace | None = None,
    ) -> None:
        self.inventory = inventory
        self._overrides = overrides or Overrides()
        self._ask = ask
        self._vault = vault
        self._policy = policy or Policy()
        dialer = Dialer(
            login_timeout=self._policy.login_timeout,
            trust_command=trust_command,
            auth_failures=self._policy.auth_failures,
            hidden=inventory.hidden_variables,
            run_answer=inventory.run_answer,
            ask=answer,
        )
        self._pool = Pool(dialer, keep=keep)

    def __enter__(self) -> Fleet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
        names = arrange(self.inventory.select(*targets, exclude=exclude))
        ask = self._asking_once()
        hosts = tuple(self.inventory.hosts(names, self._overrides, ask, self._vault))
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
    ) -> Iterator[Event]:
        """Do one operation on hosts; work begins when the first event is asked for.

        Every host gets exactly one HostFinished, and the last event is RunFinished.

        Args:
            rollout: in which batches, and what stops it; None is all at once, whatever fails.
            agree: is asked whether to go on, where the rollout says so.
        """
        run = new_run_id()
        if isinstance(operation, Sequence):
            operation = msgspec.structs.replace(operation, run=run)
        task = Task(operation, tuple(hosts), self._policy)
        plan = rollout or Rollout()
        if plan.check is not None and not plan.check.here:
            self._pool.keep_at_least(self._policy.fanout)  # it follows on the same hosts
        engine: Engine = DryEngine() if dry else ThreadEngine(self._pool, stdin, _shared(operation), agree)
        health = Health(ThreadEngine(self._pool), self._policy, self.inventory.hidden_variables)
        return roll_out(task, Means(engine, health, agree), cancel, run, plan)

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
        with ThreadPoolExecutor(max(1, min(self._policy.fanout, len(hosts)))) as workers:
            yield from zip(hosts, workers.map(lambda host: self._server_key(host, cancel), hosts), strict=True)

    def _server_key(self, host: Host, cancel: Cancel) -> ServerKey | FleetError:
        try:
            return self._pool.dialer.server_key(host, cancel)
        except FleetError as error:
            return error
        except Exception as error:  # noqa: BLE001 - the other hosts must go on
            return Fault(error)


def _shared(operation: AnyOperation) -> Shared:
    return Shared(Throttle(operation.choices.limit)) if isinstance(operation, Put | Get) else Shared()


def new_run_id() -> str:
    """Begins with the time, so that runs are in order where they are sorted by it."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
