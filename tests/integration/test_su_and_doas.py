"""su and doas instead of sudo, with a password and without one; and login shells that are no POSIX shells."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import processes
from tests.support.account import Account, local_account
from tests.support.privileges import Run, Sudoers, denial, doas_rules
from tests.support.secrecy import secret
from tests.support.sshd import Sshd, SshdStarter

WRONG = secret("wrong password")

StartAs = Callable[..., Sshd]
LINE = 'id -un; echo \'!it\'"\'s" "$HOME" | tr a-z A-Z >&2; cat; exit 3'


@pytest.fixture(scope="module")
def other(deputy: Account) -> Iterator[Account]:
    """Another user with a password."""
    with local_account("other") as made:
        yield made


@pytest.fixture
def start_as(start_sshd: SshdStarter, deputy_sshd: Sshd) -> StartAs:
    """Start a server for another account than the one of the session."""

    def start(account: Account, *config: str) -> Sshd:
        return SshdStarter(account, deputy_sshd.keys, deputy_sshd.host_keys, start_sshd.stack)(*config)

    return start


@pytest.fixture
def su(other: Account) -> dict[str, Any]:
    return {"sudo": True, "sudo_method": "su", "sudo_user": other.user}


def test_su_is_given_the_password_of_the_other_user(run: Run, other: Account, su: dict[str, Any]) -> None:
    data = os.urandom(300_000)
    ran = run("-N", "--raw", LINE, password=other.password, stdin=data, **su)
    assert ran.stdout_bytes == f"{other.user}\n".encode() + data
    assert "!IT'S /" in ran.stderr
    assert "exit 3" in ran.stderr


def test_a_wrong_password_for_su_is_called_that(run: Run, other: Account, su: dict[str, Any]) -> None:
    error = denial(run("-o", "json", "id", password=WRONG, **su))
    assert error["message"] == f"su rejected the password of {other.user}"


def test_a_password_that_su_asks_for_and_is_not_given_is_missed(run: Run, su: dict[str, Any]) -> None:
    assert "none is given" in denial(run("-o", "json", "id", password=None, **su))["message"]


def test_su_knows_no_such_user(run: Run) -> None:
    error = denial(run("-o", "json", "--sudo-method", "su", "--sudo-user", "nobody-here", "id"))
    assert error["message"] == "there is no user nobody-here for su"


def test_a_terminal_can_be_had_with_su(run: Run, other: Account, su: dict[str, Any]) -> None:
    ran = run("-N", "--pty", "tty -s && id -un", password=other.password, **su)
    assert ran.stdout.strip() == other.user


def test_what_su_runs_is_ended_with_its_time(run: Run, other: Account, su: dict[str, Any]) -> None:
    """su gives it a session of its own, in which root would have to look."""
    line = "trap '' TERM; echo begun; sleep 605 >/dev/null 2>&1 & sleep 605; sleep 605"
    ran = run("-o", "json", "--timeout", "1s", line, password=other.password, **su)
    (host,) = ran.json["hosts"]
    assert (host["status"], host["killed"], host["stdout"]) == ("timeout", True, "begun\n")
    assert "sleep 605" not in map(processes.command_line, processes.owned_by(pwd.getpwnam(other.user).pw_uid))


def test_su_runs_what_the_shell_of_the_other_user_would_not_understand(
    run: Run, deputy: Account, tmp_path: Path
) -> None:
    with local_account("csh", shell=shutil.which("tcsh") or "/bin/sh") as made:
        settings = {"sudo": True, "sudo_method": "su", "sudo_user": made.user}
        ran = run("-N", LINE, password=made.password, stdin=b"typed", **settings)
    assert ran.stdout == f"{made.user}\ntyped"
    assert "exit 3" in ran.stderr


def test_doas_runs_without_a_password_where_none_is_wanted(run: Run, deputy: Account) -> None:
    data = os.urandom(300_000)
    with doas_rules(f"permit nopass {deputy.user} as root"):
        ran = run("-N", "--raw", "--sudo-method", "doas", LINE, stdin=data)
    assert ran.stdout_bytes == b"root\n" + data
    assert "note" not in ran.stderr


def test_doas_is_given_a_password_on_a_terminal(run: Run, deputy: Account) -> None:
    with doas_rules(f"permit {deputy.user} as root"):
        ran = run("-N", "--sudo-method", "doas", "id -un; exit 3")
        wrong = run("-o", "json", "--sudo-method", "doas", "id", password=WRONG)
        none = run("-o", "json", "--sudo-method", "doas", "id", password=None)
        on_terminal = run("-N", "--pty", "--sudo-method", "doas", "tty -s && id -un")
    assert ran.stdout == "root\n"
    assert "exit 3" in ran.stderr
    assert "doas there wants a terminal" in ran.stderr
    assert denial(wrong)["message"] == f"doas rejected the password of {deputy.user}"
    assert "none is given" in denial(none)["message"]
    assert on_terminal.stdout.strip() == "root"


def test_doas_that_permits_nothing_is_told(run: Run, deputy: Account) -> None:
    with doas_rules(f"permit nopass {deputy.user} as daemon"):
        error = denial(run("-o", "json", "--sudo-method", "doas", "id"))
        missing = denial(run("-o", "json", "--sudo-method", "doas", "--sudo-user", "nobody-here", "id"))
    assert "doas does not let" in error["message"]
    assert "doas.conf" in error["hint"]
    assert "no user nobody-here" in missing["message"]


@pytest.mark.parametrize("method", ["sudo", "su", "doas"])
def test_what_is_not_installed_is_told(run: Run, deputy_sshd: Sshd, start_as: StartAs, method: str) -> None:
    """The login finds a shell in its PATH, and nothing else."""
    with local_account("bare") as made:
        settings = Path(made.home, ".ssh")
        settings.mkdir(mode=0o755)
        (settings / "environment").write_text(f"PATH={made.home}\n")
        for name in ("sh", "env"):
            Path(made.home, name).symlink_to(shutil.which(name) or "")
        server = start_as(made, "PermitUserEnvironment yes")
        ran = run("-o", "json", "--sudo-method", method, "id", server=server)
    assert denial(ran)["message"] == f"there is no {method} on the host"


@pytest.mark.parametrize("shell", ["tcsh", "csh", "fish", "bash"])
@pytest.mark.parametrize("rules", [(), ("Defaults:{user} requiretty",)])
def test_sudo_works_from_every_login_shell(run: Run, start_as: StartAs, shell: str, rules: tuple[str, ...]) -> None:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed")
    with local_account("shell", shell=path) as made:
        sudoers = Sudoers(made.user)
        try:
            sudoers("{user} ALL=(ALL) ALL", *rules)
            ran = run("-s", "-N", LINE, password=made.password, stdin=b"typed\n", server=start_as(made))
        finally:
            sudoers.remove()
    assert "root\n" in ran.stdout, ran.stderr
    assert "typed\n" in ran.stdout
    assert "!IT'S" in ran.stdout + ran.stderr
    assert "exit 3" in ran.stderr


def test_what_su_began_is_ended_and_what_it_let_go_of_is_not_called_killed(
    run: Run, other: Account, su: dict[str, Any]
) -> None:
    """su tells the command nothing of itself, as sudo does."""
    for line, killed in (("trap '' TERM; sleep 608; sleep 608", True), ("(setsid sleep 609 &); sleep 608", False)):
        ran = run("-o", "json", "--timeout", "1s", f"exec >/dev/null 2>&1; {line}", password=other.password, **su)
        (host,) = ran.json["hosts"]
        left = {pid: processes.command_line(pid) for pid in processes.owned_by(pwd.getpwnam(other.user).pw_uid)}
        processes.end(left)
        assert (host["status"], host["killed"], host["remote_ended"]) == ("timeout", killed, killed), host
        assert [line for line in left.values() if line] == ([] if killed else ["sleep 609"])
