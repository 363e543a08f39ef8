"""What is wrong with a lab host: one frozen description, read where the fault is played."""

from __future__ import annotations

from typing import Literal

import msgspec

Admits = Literal["key", "deny", "password-only", "key-then-password"]
Ends = Literal["status", "signal", "nothing"]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The ways in which one host misbehaves; the default of each field is to behave.

    Args:
        refuse_after: TCP connections beyond this number are refused; 0 refuses every one.
        close_first: that many connections are closed before the banner.
        banner_delay: seconds that pass between a connection and the banner.
        admits: which logins are accepted. `key` is a key, or the password where the lab has one; `deny`
            offers the same and refuses all; `password-only` offers no keys; `key-then-password` wants both.
        max_sessions: channels open at once on one connection; another one is refused.
        answers_exec: False leaves a request to run a command without an answer.
        bytes_per_second: how fast the output of a command comes.
        reset_after: the connection is reset once a command has sent that many bytes.
        ends: how a command's end is reported: by its exit status, as killed by SIGKILL, or not at all.
    """

    refuse_after: int | None = None
    close_first: int = 0
    banner_delay: float = 0.0
    admits: Admits = "key"
    max_sessions: int | None = None
    answers_exec: bool = True
    bytes_per_second: int | None = None
    reset_after: int | None = None
    ends: Ends = "status"


NONE = Fault()
"""A host that behaves."""
