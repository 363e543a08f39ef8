"""User and group names of a host as numbers, which is what SFTP knows."""

from __future__ import annotations

import shlex

from fleetctl.cancel import Cancel
from fleetctl.errors import TransferError
from fleetctl.events import Stream
from fleetctl.ssh.session import Session

_SCRIPT = """
u=$1 g=$2
case $u in '') id -u;; *[!0-9]*) id -u "$u" 2>/dev/null || echo '?';; *) echo "$u";; esac
case $g in
'') id -g;;
*[!0-9]*) { getent group "$g" 2>/dev/null || grep "^$g:" /etc/group || echo '::?'; } | cut -d: -f3;;
*) echo "$g";;
esac
"""


def owner_numbers(session: Session, owner: str, cancel: Cancel) -> tuple[int, int]:
    """The numbers of `user`, `user:group` or `:group`; one left out is that of the user who is logged in.

    Raises: TransferError when the host does not know the name, and what `Session.run` raises.
    """
    user, _, group = owner.partition(":")
    said = bytearray()

    def receive(stream: Stream, data: bytes) -> None:
        if stream == "stdout":
            said.extend(data)

    session.run(f"exec sh -c {shlex.quote(_SCRIPT)} sh {shlex.quote(user)} {shlex.quote(group)}", receive, cancel)
    lines = said.decode(errors="replace").split()[-2:]
    for name, kind, line in zip((user, group), ("user", "group"), [*lines, "?", "?"], strict=False):
        if not line.isdecimal():
            raise TransferError(
                f"there is no {kind} {name}", hint="--owner takes names that the host knows, or numbers"
            )
    return int(lines[0]), int(lines[1])
