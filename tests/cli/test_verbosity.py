"""-v and -vv tell more, and never a secret."""

from __future__ import annotations

from pathlib import Path

from tests.support import broken
from tests.support.account import Account
from tests.support.fleetctl import Fleetctl
from tests.support.secrecy import secret
from tests.support.sshd import Sshd


def test_a_traceback_is_shown_for_vv_alone(fleetctl: Fleetctl, tmp_path: Path) -> None:
    for option, shown in (("-q", False), ("-v", False), ("-vv", True)):
        ran = fleetctl("run", option, "-i", tmp_path / "nowhere.yaml", "df")
        assert ran.exit_code == 2
        assert ("Traceback" in ran.stderr) is shown
        assert "cannot be read" in ran.stderr


def test_vv_tells_what_is_done_on_the_way(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    ran = fleetctl("run", "-vv", "-i", sshd.inventory(tmp_path, 1), "true")
    assert ran.exit_code == 0
    assert "h001" in ran.stderr
    assert "curve25519" in ran.stderr


def test_no_secret_is_told_however_much_is_asked(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, password_login: Account
) -> None:
    inventory = sshd.inventory(tmp_path, 2, keys=[], password={"env": "LOGIN"})
    for login, code in ((password_login.password, 0), (secret("wrong password"), 3)):
        for view in ("stream", "json", "ndjson"):
            ran = fleetctl("run", "-vv", "-i", inventory, "-o", view, "true", env={"LOGIN": login})
            assert ran.exit_code == code
            assert login not in ran.stdout + ran.stderr


def test_v_tells_of_logins_and_of_further_tries(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    inventory = sshd.inventory(tmp_path, 1)
    with broken.server(broken.closes) as port:
        ran = fleetctl("run", "-v", "-i", inventory, "-t", "@*", "-H", f"127.0.0.1:{port}", "--retries", "1", "true")
    assert f"h001: logged in at 127.0.1.1:{sshd.port}" in ran.stderr
    assert "; again in" in ran.stderr


def test_words_of_a_server_are_harmless_in_vv_too(fleetctl: Fleetctl) -> None:
    with broken.server(broken.speaks_http) as port:
        ran = fleetctl("ping", "-vv", "-H", f"127.0.0.1:{port}")
    assert "HTTP/1.1" in ran.stderr
    assert "\x1b" not in ran.stderr
