"""A wrong password reaches as few hosts as possible: counted in the servers' own logs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.support.account import Account
from tests.support.fleetctl import Fleetctl, Ran
from tests.support.secrecy import secret
from tests.support.sshd import Sshd, SshdStarter

WRONG = secret("wrong password")


def _statuses(ran: Ran) -> Counter[str]:
    return Counter(host["status"] for host in ran.json["hosts"])


def _rejections(server: Sshd) -> int:
    return server.log.count("Failed password for")


@pytest.mark.parametrize("failures", [1, 3])
def test_a_wrong_password_is_tried_no_more_often_than_allowed(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, password_login: Account, failures: int
) -> None:
    server = start_sshd()
    inventory = server.inventory(tmp_path, 20, keys=[], password=WRONG)
    ran = fleetctl("run", "-i", inventory, "-o", "json", "--auth-failures", str(failures), "true")
    assert _statuses(ran) == {"denied": failures, "skipped": 20 - failures}
    assert _rejections(server) == failures
    assert ran.exit_code == 3
    skipped = next(host for host in ran.json["hosts"] if host["status"] == "skipped")
    assert skipped["error"]["code"] == "withheld"
    assert "not tried here" in skipped["error"]["message"]
    assert "--auth-failures" in skipped["error"]["hint"]
    assert WRONG not in ran.stdout + ran.stderr


def test_the_right_password_goes_to_all(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, password_login: Account
) -> None:
    inventory = sshd.inventory(tmp_path, 20, keys=[], password={"env": "LOGIN"})
    ran = fleetctl("run", "-i", inventory, "-o", "json", "true", env={"LOGIN": password_login.password})
    assert _statuses(ran) == {"ok": 20}


def test_a_password_that_some_hosts_take_stops_at_the_first_that_does_not(
    fleetctl: Fleetctl, start_sshd: SshdStarter, sshd: Sshd, tmp_path: Path, password_login: Account
) -> None:
    refusing = start_sshd(f"DenyUsers {password_login.user}")
    inventory = sshd.inventory(tmp_path, 20, keys=[], password={"env": "LOGIN"}, host_key_policy="off")
    there = {f"h{number:03}": {"port": refusing.port} for number in range(11, 21)}
    (tmp_path / "more.yaml").write_text(yaml.safe_dump({"hosts": there}))
    ran = fleetctl(
        *("run", "-i", inventory, "-i", tmp_path / "more.yaml", "-f", "1", "-o", "json", "true"),
        env={"LOGIN": password_login.password},
    )
    assert _statuses(ran) == {"ok": 10, "denied": 1, "skipped": 9}
    assert _rejections(refusing) == 1


def test_a_host_that_needs_no_password_is_not_kept_from_its_work(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, password_login: Account
) -> None:
    server = start_sshd()
    inventory = server.inventory(tmp_path, 4, password=WRONG)
    ran = fleetctl("run", "-i", inventory, "-o", "json", "true")
    assert _statuses(ran) == {"ok": 4}
    assert _rejections(server) == 0


def test_a_password_is_not_sent_to_a_server_that_takes_none(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path, password_login: Account
) -> None:
    server = start_sshd("PasswordAuthentication no")
    inventory = server.inventory(tmp_path, 3, keys=[], password=WRONG)
    ran = fleetctl("run", "-i", inventory, "-o", "json", "true")
    assert _statuses(ran) == {"denied": 3}
    assert "the server takes publickey" in ran.json["hosts"][0]["error"]["message"]
