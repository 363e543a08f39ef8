"""A host certificate vouches for the one key, name and time that its authority has signed."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetctl.ssh.trust.host_certificates import HostCertificate
from fleetctl.ssh.trust.known_hosts import ServerKey
from tests.support.certificates import Authority, authority, copied
from tests.support.keys import KeySet


def _blob(line: str) -> bytes:
    return base64.b64decode(line.split()[1])


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def shown(ca: Authority, host_keys: KeySet, tmp_path_factory: pytest.TempPathFactory) -> ServerKey:
    """A key with a certificate for *.example.com."""
    key = copied(host_keys.path("ed25519"), tmp_path_factory.mktemp("keys"))
    certificate = ca.certify(key, ["*.example.com"], host=True)
    return ServerKey("ssh-ed25519", _blob(host_keys.public("ed25519")), _blob(certificate.read_text()))


def test_it_vouches_for_the_names_that_it_has(shown: ServerKey, ca: Authority) -> None:
    authorities = {_blob(ca.public)}
    assert HostCertificate(shown).flaw("web.example.com", authorities) == ""
    assert (
        HostCertificate(shown).flaw("web.example.org", authorities) == "is for *.example.com, not for web.example.org"
    )


def test_it_vouches_for_no_other_key(shown: ServerKey, ca: Authority, host_keys: KeySet) -> None:
    other = ServerKey("ssh-rsa", _blob(host_keys.public("rsa")), shown.certificate)
    assert HostCertificate(other).flaw("web.example.com", {_blob(ca.public)}) == "is for another key"


def test_an_authority_that_signs_with_sha_1_is_not_heard(host_keys: KeySet, tmp_path: Path) -> None:
    old = authority(tmp_path, "old", "rsa")
    key = copied(host_keys.path("ed25519"), tmp_path / "keys")
    certificate = old.certify(key, ["web"], host=True, algorithm="ssh-rsa")
    shown = ServerKey("ssh-ed25519", _blob(host_keys.public("ed25519")), _blob(certificate.read_text()))
    assert HostCertificate(shown).flaw("web", {_blob(old.public)}) == "is signed with SHA-1"


@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_whatever_bit_is_changed_it_vouches_for_nothing(shown: ServerKey, ca: Authority, place: int, bit: int) -> None:
    changed = bytearray(shown.certificate)
    changed[place % len(changed)] ^= 1 << bit
    key = ServerKey(shown.kind, shown.blob, bytes(changed))
    try:
        flaw = HostCertificate(key).flaw("web.example.com", {_blob(ca.public)})
    except ValueError:
        return
    assert flaw


@given(st.binary(max_size=400))
def test_nonsense_is_no_certificate(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        HostCertificate(ServerKey("ssh-ed25519", b"", data))
