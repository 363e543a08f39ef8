"""What two sides agree on, and how it is told when they do not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleetctl.ssh.checkup.offers import KINDS, Offer, agreed, disagreement

OURS = Offer(("curve25519-sha256",), ("ssh-ed25519",), ("aes128-gcm@openssh.com", "aes128-ctr"), ("hmac-sha2-256",))
_names = st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True).map(tuple)
_offers = st.builds(Offer, _names, _names, _names, _names)


def _with(**kinds: tuple[str, ...]) -> Offer:
    return Offer(**({kind: getattr(OURS, kind) for kind in KINDS} | kinds))


def test_a_cipher_that_authenticates_by_itself_needs_no_mac() -> None:
    theirs = _with(macs=("umac-64@openssh.com",))
    assert agreed(OURS, theirs)["macs"] == ""
    assert disagreement(OURS, theirs, OURS) == ("", "")


def test_without_such_a_cipher_a_mac_in_common_is_needed() -> None:
    words, hint = disagreement(OURS, _with(ciphers=("aes128-ctr",), macs=("hmac-md5",)), _with(macs=("hmac-md5",)))
    assert words == "no MAC in common: the server offers only hmac-md5 (MD5, broken); we offer hmac-sha2-256"
    assert "`macs: [+hmac-md5]`" in hint


def test_a_long_list_is_cut_short() -> None:
    words, _ = disagreement(OURS, _with(ciphers=tuple(f"c{number}" for number in range(12))), OURS)
    assert "c0, c1, c2, c3, c4, c5, c6, c7 and 4 more" in words


def test_words_in_the_lists_that_are_no_algorithms_are_left_out() -> None:
    lists = {
        "kex_algo_list": ["curve25519-sha256", "ext-info-s", "kex-strict-s-v00@openssh.com"],
        "server_key_algo_list": ["ssh-ed25519"],
        "client_encrypt_algo_list": ["aes128-ctr"],
        "client_mac_algo_list": ["hmac-sha2-256"],
    }
    offer = Offer.parsed(lists)
    assert (offer.key_exchanges, offer.strict) == (("curve25519-sha256",), True)


@given(_offers, _offers)
def test_what_is_agreed_on_is_the_first_of_ours_that_they_have(ours: Offer, theirs: Offer) -> None:
    chosen = agreed(ours, theirs)
    for kind, name in chosen.items():
        common = [one for one in getattr(ours, kind) if one in getattr(theirs, kind)]
        assert name == (common[0] if common else "")
    assert (disagreement(ours, theirs, ours)[0] == "") == all(chosen.values())
