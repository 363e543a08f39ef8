"""What sudo, su and doas say when they do not make another user of us, and what to do about it.

They are asked to say it in English, each in its own words, and these tables know those of sudo 1.8 and later, of the
su of util-linux, shadow, BusyBox and the BSDs, and of doas and opendoas.
"""

from __future__ import annotations

import re

import msgspec

from fleetctl.errors import ElevationDenied
from fleetctl.model import Elevation, ElevationMethod, Secret

_NOT_FOUND = 127
_MOST_SHOWN = 300
_HOW = "sudo_method in the inventory or --sudo-method names another way: sudo, su or doas"


def _any_of(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words), re.IGNORECASE)


_TERMINAL = _any_of("must have a tty", "terminal is required", "run from a terminal", "tty is required", "not a tty")
_WOULD_ASK = _any_of(r"auth\w+ required")
_REJECTED = _any_of(
    "incorrect password", "authentication fail", "incorrect authentication", "sorry", "login incorrect", "bad su"
)
_NO_USER = _any_of("unknown user", "unknown login", r"user \S+ does not exist", "no such user", "no passwd entry")
_FORBIDDEN = _any_of(
    "not in the sudoers",
    "not allowed to",
    "may not run",
    "operation not permitted",
    "permission denied",
    r"not in the \w+ group",
    "doas is not enabled",
)
_LOCKED = _any_of("account validation failure", "locked", "expired", "account is currently not available")
_WHERE = {
    ElevationMethod.SUDO: "the host's sudoers must let it run /bin/sh as {user}: try `sudo -l` there",
    ElevationMethod.SU: "pam_wheel may keep it from su: see /etc/pam.d/su there",
    ElevationMethod.DOAS: "the host's doas.conf must permit it as {user}",
}


class Parties(msgspec.Struct, frozen=True):
    """Who wants to become whom, for messages."""

    elevation: Elevation
    login: str

    @property
    def method(self) -> str:
        return self.elevation.method.value

    @property
    def user(self) -> str:
        return self.elevation.user

    @property
    def whose(self) -> str:
        """Whose password is asked for."""
        return self.user if self.elevation.method is ElevationMethod.SU else self.login


def wants_terminal(said: str) -> bool:
    return _TERMINAL.search(said) is not None


def doas_would_ask(said: str) -> bool:
    """What `doas -n` says where a password is needed."""
    return _WOULD_ASK.search(said) is not None


def typed(password: Secret, parties: Parties) -> bytes:
    """The line that answers the question. Raises: ElevationDenied when no line can be it."""
    if set("\n\r\0") & set(password.reveal()):
        raise ElevationDenied(f"the {parties.method} password holds a line break, which cannot be typed")
    return f"{password.reveal()}\n".encode()


def is_rejection(said: str) -> bool:
    """Whether these words, said after a password was sent, mean that it was the wrong one."""
    return _REJECTED.search(said) is not None and not _FORBIDDEN.search(said)


def rejected(parties: Parties) -> ElevationDenied:
    return ElevationDenied(
        f"{parties.method} rejected the password of {parties.whose}",
        hint="check it: -K asks for it, sudo_password in the inventory names it",
    )


def password_wanted(parties: Parties) -> ElevationDenied:
    return ElevationDenied(
        f"{parties.method} asks for the password of {parties.whose}, and none is given",
        hint="-K asks you for it, sudo_password in the inventory names it",
    )


def second_question(parties: Parties) -> ElevationDenied:
    return ElevationDenied(
        f"{parties.method} took the password of {parties.whose} and asks a second question, which is not answered",
        hint="a one-time code? the host's PAM must let this login become another user with a password alone",
    )


def unknown_question(parties: Parties, said: str, seconds: float) -> ElevationDenied:
    shown = _shown(said)
    told = f": it said {shown!r}" if shown else ""
    return ElevationDenied(
        f"{parties.method} waits for something else than a password, or takes over {seconds:g} s{told}",
        hint="see what it asks: ssh there and try it by hand",
        said=shown,
    )


def not_started(parties: Parties) -> ElevationDenied:
    return ElevationDenied(
        f"{parties.method} could not be started: the login runs no commands",
        hint="see the shell of the login, and ForceCommand in sshd_config",
    )


def refusal(parties: Parties, said: str, exit_code: int | None, *, sent: bool) -> ElevationDenied:
    """Why it ended before the command began. `sent`: a password was."""
    method, login, user = parties.method, parties.login, parties.user
    if exit_code == _NOT_FOUND:
        return ElevationDenied(f"there is no {method} on the host", hint=f"install it; {_HOW}")
    if _NO_USER.search(said):
        return ElevationDenied(f"there is no user {user} for {method}", hint="check sudo_user or --sudo-user")
    if _FORBIDDEN.search(said):
        where = _WHERE[parties.elevation.method].format(user=user)
        return ElevationDenied(f"{method} does not let {login} become {user}", hint=where)
    if _LOCKED.search(said):
        shown = _shown(said)
        return ElevationDenied(
            f"{method} says that an account is locked, expired or closed: {shown}",
            hint="see `chage -l` there",
            said=shown,
        )
    if sent and is_rejection(said):
        return rejected(parties)
    shown = _shown(said)
    told = shown or f"it ended with exit code {exit_code}"
    return ElevationDenied(f"{method} does not make {user} of {login}: {told}", hint="try it there by hand", said=shown)


def _shown(said: str) -> str:
    """The last of what was said, on one line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return "; ".join(lines[-3:])[-_MOST_SHOWN:]
