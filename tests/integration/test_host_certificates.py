"""Host keys that an authority of ours has certified: trusted without being known, and for what they say only."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.certificates import ALWAYS, EXPIRED, Authority, authority, copied
from tests.support.fleetctl import Fleetctl
from tests.support.keys import KeySet
from tests.support.sshd import Sshd, SshdStarter

_HERE = ["127.0.1.1", "127.0.1.2"]


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return authority(tmp_path)


class Certified:
    """Starts servers with a certified host key, and writes inventories that know the authority only."""

    def __init__(self, start: SshdStarter, host_keys: KeySet, ca: Authority, directory: Path) -> None:
        self._start = start
        self._host_keys = host_keys
        self._ca = ca
        self._directory = directory

    def server(self, principals: list[str], validity: str = ALWAYS, kind: str = "ed25519", **more: object) -> Sshd:
        key = copied(self._host_keys.path(kind), self._directory / "host-keys")
        certificate = self._ca.certify(key, principals, validity=validity, **{"host": True, **more})  # type: ignore[arg-type]
        return self._start(f"HostKey {key}", f"HostCertificate {certificate}")

    def inventory(self, server: Sshd, *lines: str, hosts: int = 2, **settings: object) -> Path:
        known = self._directory / "authorities"
        known.write_text("".join(f"{line}\n" for line in lines or (f"@cert-authority 127.0.* {self._ca.public}",)))
        return server.inventory(self._directory, hosts, known_hosts=str(known), **settings)


@pytest.fixture
def certified(start_sshd: SshdStarter, host_keys: KeySet, ca: Authority, tmp_path: Path) -> Certified:
    return Certified(start_sshd, host_keys, ca, tmp_path)


@pytest.mark.parametrize("kind", ["rsa", "ed25519", "ecdsa"])
def test_a_certified_host_is_trusted_though_its_key_is_not_known(
    fleetctl: Fleetctl, certified: Certified, kind: str
) -> None:
    inventory = certified.inventory(certified.server(_HERE, kind=kind))
    ran = fleetctl("run", "-i", inventory, "true")
    assert ran.exit_code == 0, ran.stderr


def test_names_in_a_certificate_may_have_wild_cards(fleetctl: Fleetctl, certified: Certified) -> None:
    ran = fleetctl("run", "-i", certified.inventory(certified.server(["127.0.?.*"])), "true")
    assert ran.exit_code == 0, ran.stderr


def test_an_alias_is_the_name_that_a_certificate_must_have(
    fleetctl: Fleetctl, certified: Certified, ca: Authority
) -> None:
    server = certified.server(["web.example.com"])
    line = f"@cert-authority *.example.com {ca.public}"
    assert fleetctl("run", "-i", certified.inventory(server, line), "true").exit_code == 3
    inventory = certified.inventory(server, line, host_key_alias="Web.example.com")
    ran = fleetctl("run", "-i", inventory, "true")
    assert ran.exit_code == 0, ran.stderr


@pytest.mark.parametrize(
    ("principals", "validity", "options", "told"),
    [
        (_HERE, EXPIRED, [], "expired on 2002-01-01"),
        (_HERE, "20990101:20990201", [], "is not valid before 2099-01-01"),
        (["db01.example.com"], ALWAYS, [], "is for db01.example.com, not for 127.0.1.1"),
        ([], ALWAYS, [], "is for no host, not for 127.0.1.1"),
        (_HERE, ALWAYS, ["critical:force-command=true"], "has critical options"),
    ],
    ids=["expired", "not yet valid", "for another", "for none", "critical"],
)
@pytest.mark.parametrize("policy", ["strict", "accept-new"])
def test_a_certificate_that_does_not_hold_is_refused(
    fleetctl: Fleetctl,
    certified: Certified,
    principals: list[str],
    validity: str,
    options: list[str],
    told: str,
    policy: str,
) -> None:
    server = certified.server(principals, validity, options=options)
    inventory = certified.inventory(server, hosts=1, host_key_policy=policy)
    before = (inventory.parent / "authorities").read_text()
    (host,) = fleetctl("run", "-i", inventory, "-o", "json", "true").json["hosts"]
    assert (host["status"], host["error"]["code"]) == ("untrusted", "host-certificate-refused")
    assert told in host["error"]["message"]
    assert (inventory.parent / "authorities").read_text() == before


def test_a_certificate_of_another_authority_is_refused(
    fleetctl: Fleetctl, certified: Certified, tmp_path: Path
) -> None:
    stranger = authority(tmp_path, "stranger")
    inventory = certified.inventory(certified.server(_HERE), f"@cert-authority * {stranger.public}", hosts=1)
    (host,) = fleetctl("run", "-i", inventory, "-o", "json", "true").json["hosts"]
    assert host["status"] == "untrusted"
    assert "which no @cert-authority line names for this host" in host["error"]["message"]


def test_a_certificate_of_a_user_makes_no_host(
    fleetctl: Fleetctl, start_sshd: SshdStarter, certified: Certified, sshd: Sshd
) -> None:
    """sshd itself does not load one, so the host is one without a certificate."""
    inventory = certified.inventory(sshd, hosts=1)
    (host,) = fleetctl("run", "-i", inventory, "-o", "json", "true").json["hosts"]
    assert (host["status"], host["error"]["code"]) == ("untrusted", "host-key-unknown")


@pytest.mark.parametrize("revoked", ["ca", "key"])
def test_what_is_revoked_is_refused_whatever_the_certificate_says(
    fleetctl: Fleetctl, certified: Certified, ca: Authority, host_keys: KeySet, revoked: str
) -> None:
    server = certified.server(_HERE)
    bad = ca.public if revoked == "ca" else host_keys.public("ed25519")
    lines = (f"@cert-authority * {ca.public}", f"@revoked * {bad}")
    for policy in ("strict", "accept-new"):
        inventory = certified.inventory(server, *lines, hosts=1, host_key_policy=policy)
        (host,) = fleetctl("run", "-i", inventory, "-o", "json", "true").json["hosts"]
        assert host["error"]["code"] == "host-key-revoked"


def test_a_known_key_is_trusted_though_its_certificate_has_expired(
    fleetctl: Fleetctl, certified: Certified, ca: Authority, host_keys: KeySet
) -> None:
    server = certified.server(_HERE, EXPIRED)
    own = f"[127.0.1.1]:{server.port} {host_keys.public('ed25519')}"
    inventory = certified.inventory(server, f"@cert-authority * {ca.public}", own, hosts=1)
    ran = fleetctl("run", "-i", inventory, "true")
    assert ran.exit_code == 0, ran.stderr


def test_without_an_authority_for_the_host_no_certificate_is_asked_for(
    fleetctl: Fleetctl, certified: Certified, ca: Authority, host_keys: KeySet
) -> None:
    server = certified.server(_HERE)
    own = f"[127.0.1.1]:{server.port} {host_keys.public('ed25519')}"
    inventory = certified.inventory(server, f"@cert-authority *.example.com {ca.public}", own, hosts=1)
    assert fleetctl("run", "-i", inventory, "true").exit_code == 0


def test_trust_shows_who_certified_a_key_and_writes_nothing(fleetctl: Fleetctl, certified: Certified) -> None:
    inventory = certified.inventory(certified.server(_HERE), hosts=2)
    before = (inventory.parent / "authorities").read_text()
    ran = fleetctl("trust", "-y", "-i", inventory)
    assert ran.exit_code == 0, ran.stderr
    assert ran.stdout.count("certified by SHA256:") == 2
    assert (inventory.parent / "authorities").read_text() == before


def test_trust_does_not_write_a_key_whose_certificate_does_not_hold(fleetctl: Fleetctl, certified: Certified) -> None:
    inventory = certified.inventory(certified.server(_HERE, EXPIRED), hosts=1)
    before = (inventory.parent / "authorities").read_text()
    ran = fleetctl("trust", "-y", "-i", inventory)
    assert ran.exit_code == 3
    assert "REFUSED" in ran.stdout
    assert "expired on 2002-01-01" in ran.stderr
    assert (inventory.parent / "authorities").read_text() == before
