"""Certificates of users: offered before their bare keys, and called what they are when they are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.certificates import ALWAYS, EXPIRED, Authority, authority, copied
from tests.support.fleetctl import Fleetctl, Ran
from tests.support.sshd import Sshd, SshdStarter


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return authority(tmp_path)


@pytest.fixture
def server(start_sshd: SshdStarter, ca: Authority) -> Sshd:
    """Lets in who has a certificate of the authority, and no bare key."""
    return start_sshd(f"TrustedUserCAKeys {ca.public_file}", "AuthorizedKeysFile none")


def _denied(ran: Ran) -> str:
    (host,) = ran.json["hosts"]
    assert host["status"] == "denied"
    return str(host["error"]["message"])


@pytest.mark.parametrize("name", ["rsa", "ed25519", "ecdsa"])
def test_a_certificate_beside_its_key_logs_in(
    fleetctl: Fleetctl, server: Sshd, ca: Authority, tmp_path: Path, name: str
) -> None:
    key = copied(server.key(name), tmp_path / "keys")
    ca.certify(key, [server.user])
    ran = fleetctl("run", "-i", server.inventory(tmp_path, 2, keys=[str(key)]), "true")
    assert ran.exit_code == 0, ran.stderr
    assert f"Accepted publickey for {server.user}" in server.log
    assert "ID test (serial 0) CA ED25519" in server.log


def test_a_certificate_elsewhere_is_found_by_its_key(
    fleetctl: Fleetctl, server: Sshd, ca: Authority, tmp_path: Path
) -> None:
    certificate = ca.certify(
        copied(server.key("ed25519"), tmp_path / "keys"), [server.user], into=tmp_path / "mine.pub"
    )
    keys = [str(server.key("ecdsa")), str(server.key("ed25519"))]
    inventory = server.inventory(tmp_path, 2, keys=keys, certificates=[str(certificate)])
    ran = fleetctl("run", "-i", inventory, "true")
    assert ran.exit_code == 0, ran.stderr


def test_a_key_under_a_bad_certificate_is_offered_bare_as_well(
    fleetctl: Fleetctl, sshd: Sshd, ca: Authority, tmp_path: Path
) -> None:
    key = copied(sshd.key("ed25519"), tmp_path / "keys")
    ca.certify(key, [sshd.user], validity=EXPIRED)
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 2, keys=[str(key)]), "true")
    assert ran.exit_code == 0, ran.stderr


@pytest.mark.parametrize(
    ("principals", "validity", "told"),
    [
        (["{user}"], EXPIRED, "expired on 2002-01-01"),
        (["{user}"], "20990101:20990201", "is not valid before 2099-01-01"),
        (["ada", "grace"], ALWAYS, "is for ada, grace, not for {user}"),
        ([], ALWAYS, "names no principals"),
    ],
    ids=["expired", "not yet valid", "for others", "for nobody"],
)
def test_a_refused_certificate_is_told_with_what_is_wrong_with_it(
    fleetctl: Fleetctl,
    server: Sshd,
    ca: Authority,
    tmp_path: Path,
    principals: list[str],
    validity: str,
    told: str,
) -> None:
    key = copied(server.key("ed25519"), tmp_path / "keys")
    certificate = ca.certify(key, [name.format(user=server.user) for name in principals], validity=validity)
    ran = fleetctl("run", "-i", server.inventory(tmp_path, 1, keys=[str(key)]), "-o", "json", "true")
    assert f"certificate {certificate} {told.format(user=server.user)}" in _denied(ran)


def test_a_certificate_of_a_ca_that_the_server_does_not_know_is_told_with_that_ca(
    fleetctl: Fleetctl, server: Sshd, tmp_path: Path
) -> None:
    stranger = authority(tmp_path, "stranger")
    key = copied(server.key("ed25519"), tmp_path / "keys")
    stranger.certify(key, [server.user])
    ran = fleetctl("run", "-i", server.inventory(tmp_path, 1, keys=[str(key)]), "-o", "json", "true")
    assert "among the server's TrustedUserCAKeys?" in _denied(ran)
    assert "SHA256:" in _denied(ran)


def test_a_certificate_of_a_host_is_told_to_be_one(
    fleetctl: Fleetctl, server: Sshd, ca: Authority, tmp_path: Path
) -> None:
    key = copied(server.key("ed25519"), tmp_path / "keys")
    ca.certify(key, [server.user], host=True)
    ran = fleetctl("run", "-i", server.inventory(tmp_path, 1, keys=[str(key)]), "-o", "json", "true")
    assert "is for hosts, not for users" in _denied(ran)


@pytest.mark.parametrize("content", ["", "nonsense", "ssh-ed25519 AAAA", "ssh-ed25519-cert-v01@openssh.com AAAAB3"])
def test_a_broken_certificate_leaves_its_key_usable(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path, content: str
) -> None:
    key = copied(sshd.key("ed25519"), tmp_path / "keys")
    key.with_name("ed25519-cert.pub").write_text(content)
    assert fleetctl("run", "-i", sshd.inventory(tmp_path, 1, keys=[str(key)]), "true").exit_code == 0
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 1, keys=[str(key)], user="nobody"), "-o", "json", "true")
    assert "cannot use certificate" in _denied(ran)


def test_a_certificate_that_is_named_and_not_there_is_told(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    inventory = sshd.inventory(tmp_path, 1, keys=[], agent=False, certificates=[str(tmp_path / "none-cert.pub")])
    assert "none-cert.pub: no such file" in _denied(fleetctl("run", "-i", inventory, "-o", "json", "true"))
