"""What a host does for a session: does it run commands, has it SFTP, does it let us become another user?"""

from __future__ import annotations

from collections.abc import Callable

from fleetctl.cancel import Cancel
from fleetctl.errors import RequestRefused
from fleetctl.events import Stream
from fleetctl.model import Elevation, Host
from fleetctl.ssh.checkup.found import Found, Look
from fleetctl.ssh.login.guard import Guard
from fleetctl.ssh.rights.elevated import Elevated
from fleetctl.ssh.session import Session

_COMMAND = "true"
_WHO = "id -un"
_SECONDS = 30.0


def looks_inside(
    session: Callable[[], Session], host: Host, sudo_guard: Guard, cancel: Cancel
) -> list[tuple[str, Look]]:
    """The steps that come after the login.

    Args:
        session: there is one as soon as one of them is taken.
    """
    looks: list[tuple[str, Look]] = [
        ("channel", lambda: _channel(session(), cancel)),
        ("sftp", lambda: _sftp(session(), cancel)),
    ]
    elevation = host.elevation
    if elevation is not None:
        looks.append(("sudo", lambda: _sudo(Elevated(session(), host, elevation, sudo_guard), host, elevation, cancel)))
    return looks


def _channel(session: Session, cancel: Cancel) -> Found:
    said = 0

    def count(_stream: Stream, data: bytes) -> None:
        nonlocal said
        said += len(data)

    code = session.run(_COMMAND, count, cancel, timeout=_SECONDS).exit_code
    remarks = (f"its shell writes {said:,} bytes of its own beside the output of a command",) if said else ()
    if code == 0:
        return Found("it runs commands", remarks, {"exit_code": code})
    how = "was ended by a signal" if code is None else f"ended with exit code {code}"
    raise RequestRefused(
        f"the command `{_COMMAND}` {how}",
        hint="does the user's shell run commands, or is it nologin, or does a ForceCommand come between?",
        exit_code=code,
    )


def _sftp(session: Session, cancel: Cancel) -> Found:
    with session.sftp(cancel) as sftp:
        names = sorted(name.decode(errors="replace") for name in sftp.extensions)
        largest = sftp.largest_read
    words = f"version 3 with {len(names)} extensions, up to {largest // 1024} KiB at once"
    return Found(words, facts={"version": 3, "extensions": names, "largest_read": largest})


def _sudo(elevated: Elevated, host: Host, elevation: Elevation, cancel: Cancel) -> Found:
    said: list[bytes] = []
    code = elevated.run(_WHO, lambda _stream, data: said.append(data), cancel, timeout=_SECONDS).exit_code
    who = b"".join(said).decode(errors="replace").strip()
    facts: dict[str, object] = {"method": elevation.method.value, "user": elevation.user, "who": who, "exit_code": code}
    remarks = (elevated.note,) if elevated.note else ()
    words = f"{elevation.method} makes {who or elevation.user} of {host.login.user}"
    return Found(words, remarks, facts, warning=who != elevation.user)
