"""Settings of the way to a host: algorithms, the address that is dialled from, families of addresses."""

from __future__ import annotations

from pathlib import Path

from tests.support.bastions import behind
from tests.support.fleetctl import Fleetctl
from tests.support.sshd import Sshd, SshdStarter


def test_only_the_algorithms_that_are_wanted_are_offered(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path
) -> None:
    server = start_sshd("Ciphers aes256-ctr", "MACs hmac-sha2-512", "KexAlgorithms ecdh-sha2-nistp256")
    fitting = {"ciphers": "aes256-ctr", "macs": ["hmac-sha2-512"], "key_exchanges": "^ecdh-sha2-nistp256"}
    ran = fleetctl("run", "-i", server.inventory(tmp_path, 1, **fitting), "true")
    assert ran.exit_code == 0, ran.stderr
    for setting, name in (("ciphers", "aes128-ctr"), ("macs", "hmac-sha2-256"), ("key_exchanges", "-ecdh-*")):
        ran = fleetctl("run", "-i", server.inventory(tmp_path, 1, **{**fitting, setting: name}), "true")
        assert ran.exit_code == 3
        assert "no algorithm in common" in ran.stderr


def test_algorithms_that_nobody_knows_are_refused_with_those_there_are(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path
) -> None:
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 1, ciphers="rot13"), "true")
    assert ran.exit_code == 3
    assert "none of the ciphers wanted is known here: rot13" in ran.stderr
    assert "aes128-ctr" in ran.stderr


def test_a_host_key_type_that_is_wanted_is_the_one_that_is_shown(
    fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path
) -> None:
    inventory = sshd.inventory(tmp_path, 1, host_keys="ecdsa-sha2-nistp256", known_hosts=str(tmp_path / "none"))
    ran = fleetctl("trust", "-i", inventory)
    assert "ecdsa-sha2-nistp256" in ran.stdout


def test_public_key_algorithms_that_are_not_wanted_are_not_used(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    assert fleetctl("run", "-i", sshd.inventory(tmp_path, 1), "true").exit_code == 0
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 1, public_keys="-rsa-*"), "true")
    assert ran.exit_code == 3
    assert "denied" in ran.stderr


def test_a_host_is_dialled_from_the_address_that_is_bound(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    line = "echo $SSH_CLIENT"
    ran = fleetctl("run", "-N", "-i", sshd.inventory(tmp_path, 1, bind_address="127.0.7.7"), line)
    assert ran.stdout.startswith("127.0.7.7 "), ran.stderr
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 1, bind_address="192.0.2.1"), line)
    assert ran.exit_code == 3
    assert "`bind_address` must be an address of this machine" in ran.stderr


def test_only_addresses_of_the_family_wanted_are_dialled(fleetctl: Fleetctl, sshd: Sshd, tmp_path: Path) -> None:
    assert fleetctl("run", "-i", sshd.inventory(tmp_path, 1, address_family="inet"), "true").exit_code == 0
    ran = fleetctl("run", "-i", sshd.inventory(tmp_path, 1, address_family="inet6"), "true")
    assert ran.exit_code == 3
    assert "cannot resolve 127.0.1.1" in ran.stderr


def test_a_bastion_and_a_host_with_older_ciphers_are_reached(
    fleetctl: Fleetctl, start_sshd: SshdStarter, tmp_path: Path
) -> None:
    old = ("Ciphers aes128-ctr", "MACs hmac-sha2-256")
    bastion, target = start_sshd(*old), start_sshd(*old)
    data = b"0123456789abcde\n" * 100_000
    ran = fleetctl("run", "-N", "-q", "-i", behind(target, [bastion], tmp_path, 2), "cat", stdin=data)
    assert ran.exit_code == 0, ran.stderr
    assert len(ran.stdout_bytes) == 2 * len(data)
