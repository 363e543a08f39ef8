"""User and group names of a host as numbers, which is what SFTP knows."""

from __future__ import annotations

from fleetctl.cancel import Cancel
from fleetctl.errors import TransferError
from fleetctl.ssh.any_session import AnySession
from fleetctl.transfer.shell import ask

_SCRIPT = """
u=$1 g=$2
case $u in '') id -u;; *[!0-9]*) id -u "$u" 2>/dev/null || echo '?';; *) echo "$u";; esac
case $g in
'') id -g;;
*[!0-9]*) { getent group "$g" 2>/dev/null || grep "^$g:" /etc/group || echo '::?'; } | cut -d: -f3;;
*) echo "$g";;
esac
"""


def owner_numbers(session: AnySession, owner: str, cancel: Cancel) -> tuple[int, int]:
    """The numbers of `user`, `user:group` or `:group`; one left out is that of the user who is logged in.

    Raises: TransferError when the host does not know the name, and what `Session.run` raises.
    """
    user, _, group = owner.partition(":")
    _, said, _ = ask(session, _SCRIPT, (user, group), cancel)
    lines = said.decode(errors="replace").split()[-2:]
    for name, kind, line in zip((user, group), ("user", "group"), [*lines, "?", "?"], strict=False):
        if not line.isdecimal():
            raise TransferError(
                f"there is no {kind} {name}", hint="--owner takes names that the host knows, or numbers"
            )
    return int(lines[0]), int(lines[1])
