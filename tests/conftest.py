"""What every test can ask for: a real sshd, keys, the installed command, and directories to move files between.

The process that runs pytest owns the test user; the workers of xdist are told its name.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from fleetctl.cancel import Cancel
from fleetctl.errors import FleetError
from fleetctl.ssh.dial import Dialer
from fleetctl.ssh.session import Session
from tests.support import secrecy
from tests.support.account import Account, local_account
from tests.support.fleetctl import Fleetctl
from tests.support.hosts import host_of
from tests.support.keys import KeySet, make_keys
from tests.support.privileges import Sudoers, why_no_privileges
from tests.support.sshd import Sshd, SshdStarter, why_no_sshd

_ACCOUNT = pytest.StashKey[Account]()
_LOG_LINES = 60

settings.register_profile("untimed", deadline=None)  # how long an example takes says nothing on a loaded machine
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    told: dict[str, Any] | None = getattr(config, "workerinput", None)
    if told is not None and "account" in told:
        config.stash[_ACCOUNT] = account = Account(**told["account"])
        if account.password:
            secrecy.keep("password of the test user", account.password)
    elif told is None and not why_no_sshd() and not config.getoption("collectonly"):
        stack = ExitStack()
        config.add_cleanup(stack.close)
        config.stash[_ACCOUNT] = stack.enter_context(local_account())


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Called in the main process for each worker of xdist, before it starts."""
    account = node.config.stash.get(_ACCOUNT, None)
    if account is not None:
        node.workerinput["account"] = asdict(account)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of a server's log with the test that failed."""
    report = yield
    if report.failed:
        for server in _servers(getattr(item, "funcargs", {})):
            report.sections.append(("sshd log", "\n".join(server.log.splitlines()[-_LOG_LINES:])))
    return report


def _servers(arguments: dict[str, Any]) -> list[Sshd]:
    found = [value for value in arguments.values() if isinstance(value, Sshd)]
    for value in arguments.values():
        found += value.started if isinstance(value, SshdStarter) else []
    return found


@pytest.fixture(scope="session")
def account(request: pytest.FixtureRequest) -> Account:
    """The user to log in as. Without an sshd: a failure where CI=true, a skip with the reason elsewhere."""
    reason = why_no_sshd()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    return request.config.stash[_ACCOUNT]


@pytest.fixture
def password_login(account: Account) -> Account:
    """The user, when its password is known: only root can give a user one."""
    if not account.password:
        pytest.skip("a password login needs a user made for the tests, and so root")
    return account


@pytest.fixture(scope="session")
def client_keys(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    return make_keys(tmp_path_factory.mktemp("client-keys"))


@pytest.fixture(scope="session")
def host_keys(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    return make_keys(tmp_path_factory.mktemp("host-keys"))


@pytest.fixture(scope="session")
def sshd(account: Account, client_keys: KeySet, host_keys: KeySet) -> Iterator[Sshd]:
    """One ordinary server for the whole session; tests must leave it as it is."""
    with ExitStack() as stack:
        yield SshdStarter(account, client_keys, host_keys, stack)()


@pytest.fixture
def start_sshd(account: Account, client_keys: KeySet, host_keys: KeySet) -> Iterator[SshdStarter]:
    """`start_sshd("MaxSessions 1", …)` starts a server with settings of its own for one test."""
    with ExitStack() as stack:
        yield SshdStarter(account, client_keys, host_keys, stack)


@pytest.fixture(scope="session")
def deputy(account: Account) -> Iterator[Account]:
    """A user of this process alone, whom sudo lets do what a test says."""
    reason = why_no_privileges()
    if reason and os.environ.get("CI") == "true" and os.geteuid() == 0:
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    with local_account("deputy") as made:
        yield made


@pytest.fixture(scope="session")
def deputy_sshd(deputy: Account, client_keys: KeySet, host_keys: KeySet) -> Iterator[Sshd]:
    """A server that the deputy logs in to; tests must leave it as it is."""
    with ExitStack() as stack:
        yield SshdStarter(deputy, client_keys, host_keys, stack)()


@pytest.fixture
def sudoers(deputy: Account) -> Iterator[Sudoers]:
    """`sudoers("{user} ALL=(ALL) ALL")` gives the deputy these rules until the test ends."""
    rules = Sudoers(deputy.user)
    yield rules
    rules.remove()


@pytest.fixture(autouse=True)
def discretion(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No error that arises in a test's own process tells a secret; commands look after themselves (see Fleetctl)."""
    make = FleetError.__init__
    said: list[str] = []

    def heard(error: FleetError, *words: Any, **facts: Any) -> None:
        make(error, *words, **facts)
        said.append(f"{error} {error.hint} {error.facts}")

    monkeypatch.setattr(FleetError, "__init__", heard)
    yield
    secrecy.check("\n".join(said).encode(errors="surrogateescape"), "an error")


@pytest.fixture
def fleetctl(tmp_path: Path) -> Iterator[Fleetctl]:
    """The installed command, with an empty home, in which it may leave no secret."""
    home = tmp_path / "home"
    home.mkdir()
    yield Fleetctl(home)
    secrecy.check_files(home)


@pytest.fixture
def far(account: Account) -> Iterator[Path]:
    """An empty directory that belongs to the login user."""
    directory = Path(tempfile.mkdtemp(prefix="far-", dir=account.home))
    owner = Path(account.home).stat()
    os.chown(directory, owner.st_uid, owner.st_gid)
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """An empty directory of whoever runs the tests."""
    directory = tmp_path / "here"
    directory.mkdir()
    return directory


@pytest.fixture
def cancel() -> Iterator[Cancel]:
    with Cancel() as cancel:
        yield cancel


@pytest.fixture
def session(sshd: Sshd, tmp_path: Path, cancel: Cancel) -> Iterator[Session]:
    """Logged in to the server of this run."""
    session = Dialer(login_timeout=30).dial(host_of(sshd, tmp_path), cancel)
    yield session
    session.close()
