"""What both sides of a key exchange offer (RFC 4253, 7.1), what they agree on, and what that means in plain words."""

from __future__ import annotations

import fnmatch

import msgspec

KINDS = {
    "key_exchanges": "key exchange",
    "host_keys": "type of host key",
    "ciphers": "cipher",
    "macs": "MAC",
}
"""Fields of an Offer, which are the inventory's settings too, and what people call one of each."""

_STRICT = "kex-strict-s-v00@openssh.com"
_NO_ALGORITHM = ("kex-strict-*", "ext-info-*")
_AUTHENTICATES_ITSELF = ("*-gcm@openssh.com", "chacha20-poly1305@openssh.com")
_SHOWN = 8
_WHY_NOT = (
    ("ssh-rsa", "RSA signed with SHA-1, which can be forged; all that OpenSSH before 7.2 has for RSA keys"),
    ("ssh-dss*", "DSA of 1024 bits, too short for long"),
    ("*-cbc*", "CBC mode, whose packets can be tampered with"),
    ("arcfour*", "RC4, broken"),
    ("none", "no protection at all"),
    ("diffie-hellman-group1-*", "a group of 1024 bits, too short for long"),
    ("diffie-hellman-*-sha1", "SHA-1"),
    ("diffie-hellman-group-exchange-*", "a group of the server's own choice"),
    ("hmac-md5*", "MD5, broken"),
    ("hmac-sha1-96*", "a MAC that was cut short"),
    ("hmac-ripemd*", "withdrawn"),
    ("*-cert-v0?@openssh.com", "a certificate, of use where a CA is known"),
    ("sk-*", "a security key"),
    ("chacha20-*", "no code for it here"),
    ("umac-*", "no code for it here"),
    ("sntrup*", "no code for it here"),
)


class Offer(msgspec.Struct, frozen=True):
    """What one side offers, best first, without the words in the lists that name no algorithm."""

    key_exchanges: tuple[str, ...] = ()
    host_keys: tuple[str, ...] = ()
    ciphers: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    strict: bool = False

    @classmethod
    def parsed(cls, lists: dict[str, list[str]]) -> Offer:
        """From what paramiko makes of a server's KEXINIT (transport.py: `_really_parse_kex_init`)."""
        exchanges = lists["kex_algo_list"]
        return cls(
            tuple(name for name in exchanges if not _matches(name, _NO_ALGORITHM)),
            tuple(lists["server_key_algo_list"]),
            tuple(lists["client_encrypt_algo_list"]),
            tuple(lists["client_mac_algo_list"]),
            _STRICT in exchanges,
        )


def agreed(ours: Offer, theirs: Offer) -> dict[str, str]:
    """The algorithm of each kind: the first of the client's that the server has too; "" where there is none.

    A cipher that authenticates by itself needs no MAC, and then that of macs is "".
    """
    found = {kind: next((name for name in getattr(ours, kind) if name in getattr(theirs, kind)), "") for kind in KINDS}
    if _matches(found["ciphers"], _AUTHENTICATES_ITSELF):
        found["macs"] = ""
    return found


def disagreement(ours: Offer, theirs: Offer, possible: Offer) -> tuple[str, str]:
    """Why there is none of a kind, and what to do about it; "" when there is one of each.

    Args:
        possible: what there is code for here.
    """
    chosen = agreed(ours, theirs)
    for kind, name in KINDS.items():
        if chosen[kind] or (kind == "macs" and _matches(chosen["ciphers"], _AUTHENTICATES_ITSELF)):
            continue
        offered, known = getattr(theirs, kind), getattr(possible, kind)
        wanted = listed(getattr(ours, kind))
        words = f"no {name} in common: the server offers only {_explained(offered)}; we offer {wanted}"
        usable = next((one for one in offered if one in known), "")
        if usable:
            return words, f"update the server; until then `{kind}: [+{usable}]` for this host in the inventory uses it"
        return words, "update the server, or let its sshd_config offer one of ours"
    return "", ""


def listed(names: tuple[str, ...]) -> str:
    """Names on one line, not too many."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more if names else "nothing"


def _explained(names: tuple[str, ...]) -> str:
    told = [f"{name} ({why})" if (why := _why_not(name)) else name for name in names]
    return listed(tuple(told))


def _why_not(name: str) -> str:
    return next((why for pattern, why in _WHY_NOT if fnmatch.fnmatchcase(name, pattern)), "")


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
