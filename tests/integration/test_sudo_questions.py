"""Questions of sudo and su that no password answers, and accounts that may not use them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetctl.cancel import Cancel
from fleetctl.errors import ElevationDenied, SftpMissing
from fleetctl.model import Elevation, ElevationMethod, Secret
from fleetctl.ssh.dial import Dialer
from fleetctl.ssh.login.guard import Guard
from fleetctl.ssh.rights import becoming, elevated
from fleetctl.ssh.rights.elevated import Elevated
from tests.support.account import Account, local_account
from tests.support.hosts import host_of
from tests.support.privileges import Run, Sudoers, denial, pam_service
from tests.support.sshd import Sshd, SshdStarter

ALL = "{user} ALL=(ALL:ALL) ALL"


def test_a_second_question_is_not_answered(run: Run, sudoers: Sudoers, deputy: Account) -> None:
    """pam_ftp asks whoever is no guest for another password, right after the first."""
    lines = ("auth required pam_unix.so", "auth required pam_ftp.so", "account required pam_permit.so")
    with pam_service(deputy.user, *lines) as service:
        sudoers(ALL, f"Defaults:{{user}} pam_service={service}")
        error = denial(run("-s", "-o", "json", "id"))
    assert "asks a second question" in error["message"]
    assert "one-time code" in error["hint"]


def test_an_account_that_is_closed_is_told(run: Run, sudoers: Sudoers, deputy: Account) -> None:
    lines = ("auth required pam_permit.so", "account required pam_deny.so")
    with pam_service(deputy.user, *lines) as service:
        sudoers(ALL, f"Defaults:{{user}} pam_service={service}")
        error = denial(run("-s", "-o", "json", "id"))
    assert "locked, expired or closed" in error["message"]


@pytest.fixture
def odd_su(start_sshd: SshdStarter, deputy_sshd: Sshd) -> Iterator[Sshd]:
    """A host whose su asks for a code."""
    with local_account("odd") as made:
        settings = Path(made.home, ".ssh")
        settings.mkdir(mode=0o755)
        (settings / "environment").write_text(f"PATH={made.home}:/usr/bin:/bin\n")
        su = Path(made.home, "su")
        su.write_text("#!/bin/sh\nprintf 'Welcome.\\nVerification code: ' >&2\nread -r code\necho $code\n")
        su.chmod(0o755)
        starter = SshdStarter(made, deputy_sshd.keys, deputy_sshd.host_keys, start_sshd.stack)
        yield starter("PermitUserEnvironment yes")


def test_a_question_that_is_not_known_ends_by_a_time_out_with_its_text(
    odd_su: Sshd, tmp_path: Path, cancel: Cancel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elevated, "_SECONDS", 1.5)
    host = host_of(odd_su, tmp_path)
    session = Dialer(login_timeout=30).dial(host, cancel)
    elevation = Elevation(ElevationMethod.SU, password=Secret("never sent"))
    try:
        with (
            Elevated(session, host, elevation, Guard(1)) as acting,
            pytest.raises(ElevationDenied, match="Verification code:") as caught,
        ):
            acting.run("id", lambda stream, data: None, cancel)
        assert caught.value.hint
        session.round_trip(cancel)  # the connection is as good as it was
    finally:
        session.close()


def test_a_host_without_an_sftp_server_of_its_own_is_told(
    deputy_sshd: Sshd, sudoers: Sudoers, tmp_path: Path, cancel: Cancel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(becoming, "_SERVE", "exit 127")
    sudoers("{user} ALL=(ALL) NOPASSWD: ALL")
    host = host_of(deputy_sshd, tmp_path)
    session = Dialer(login_timeout=30).dial(host, cancel)
    try:
        with (
            Elevated(session, host, Elevation(), Guard(1)) as acting,
            pytest.raises(SftpMissing, match="does not start"),
            acting.sftp(cancel),
        ):
            raise AssertionError
    finally:
        session.close()
