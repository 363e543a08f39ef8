"""The command lines that make another user of us: by sudo, su or doas, through pipes or on a terminal.

Our script writes a mark and becomes sudo (su, doas), which asks, if it does, for the password, and runs a second script
of ours as the other user. That writes the other mark and becomes what is wanted there. Both work for any login shell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum

import msgspec

from fleetctl.events import Stream
from fleetctl.model import Elevation, ElevationMethod
from fleetctl.ssh.any_shell import hidden, sh
from fleetctl.ssh.rights.prelude import Mark, Prelude

GO = b"go\n"
"""What an errand that waits is sent."""

DISMISSED = "dismissed"
"""What a sweeper is told when there is nothing left to sweep."""
_SFTP_SERVERS = (
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/sftp-server",
    "/usr/lib/sftp-server",
)
_RUN = 'exec /bin/sh -c "$(printf %b "$0")"'
_SERVE = f"""
for s in {" ".join(_SFTP_SERVERS)} $(command -v sftp-server); do
[ -x "$s" ] && exec "$s"
done
exit 127
"""
# It reads names until it is dismissed, or its input ends: then it removes them. Twice, for an SFTP server whose input
# has ended as well may still make what it was asked for before.
_SWEEP = f"""
trap '' HUP INT TERM PIPE
names=$(sed '/^{DISMISSED}$/q')
case $names in *{DISMISSED}) exit;; esac
sweep() {{
printf '%s\\n' "$names" | while IFS= read -r name; do
name=$(printf %b "$name")
case $name in *.part) rm -rf -- "$name";; esac
done
}}
sweep; sleep 2; sweep
"""
# $1 is a process, $2 and $3 are its group and session where the host could tell; our own are never among them.
# What has left the session was meant to stay, and is not touched, but told: a child, or what has the same SUDO_COMMAND,
# or began later and has what su and doas leave in the environment.
_END = """
exec 2>/dev/null
give_up() { echo 'fleetctl: unknown'; exit; }
group_of() { [ -n "$2" ] && echo "$2" || ps -o pgid= -p "$1"; }
members() {
cat /proc/[0-9]*/stat | awk -v session="$session" '
{ pid = $1; sub(/.*[)] /, ""); if ($4 == session && $1 != "Z") print pid }
END { print "whole" }'
}
strays() {
{ sed 's/^/stat /' /proc/[0-9]*/stat
for file in $(grep -lzF -e "$mark" ${SSH_CONNECTION:+-e "SSH_CONNECTION=$SSH_CONNECTION"} \
${DOAS_USER:+-e "DOAS_USER=$DOAS_USER"} /proc/[0-9]*/environ); do
echo "${file%/*}" | tr / ' '
done
} | awk -v session="$session" -v root="$root" -v own=$$ '
$1 == "proc" { marked[$2]; next }
{ pid = $2; sub(/.*[)] /, ""); if ($1 !~ /[ZX]/) { parent[pid] = $2; of[pid] = $4; began[pid] = $20 } }
END {
for (pid = own; pid in parent; pid = parent[pid]) ours[pid]
for (pid in of) {
if (of[pid] == session || of[pid] == of[own] || pid in ours) continue
ancestor = pid
while (ancestor in parent && ancestor != root) ancestor = parent[ancestor]
if (ancestor == root || pid in marked && began[pid] >= began[root]) print pid
}
}'
}
is_alive() {
kill -s 0 "$1" || return 1
read -r line <"/proc/$1/stat" && case ${line##*') '} in Z*|X*) return 1;; esac
return 0
}
done_with() {
for pid in $left $(strays); do is_alive "$pid" && give_up; done
echo 'fleetctl: 0 left'
exit
}
lives() { if [ -n "$session" ]; then [ "$(members)" != whole ]; else kill -s 0 -- "-$group"; fi; }
wait_out() {
for pause in "$@"; do
lives || return 0
sleep "$pause" || sleep 1
done
! lives
}
group=$(group_of "$1" "$2" | tr -cd 0-9) root=$1 session=$3
case $group in ''|0|1) give_up;; esac
[ "$group" != "$(ps -o pgid= -p $$ | tr -cd 0-9)" ] || give_up
left=$(strays)
kill -s TERM -- "-$group"
wait_out 0.1 0.2 0.4 0.7 1 && done_with
kill -s KILL -- "-$group"
[ -z "$session" ] || kill -s KILL $(members | sed '$d')
wait_out 0.1 0.2 0.7 && done_with
give_up
"""
# $1 $2 of it are the halves of the mark, $3 is LC_ALL as it was, $4 what `stty -g` said. sudo and PAM are asked in
# English, and the command gets the language of the login again.
_INNER = """
case $3 in '') unset LC_ALL;; *) LC_ALL=$3; export LC_ALL;; esac
{settings}
printf '%s%s%s.' "$1" "$2" "{place}"{both}
{go}{then}
"""
# Its process, and the group and session of that where there is a /proc.
_PLACE = """$$ $(read -r line 2>/dev/null </proc/$$/stat && { f() { echo "$3 $4"; }; f ${line##*') '}; })"""
_INNER_AGAIN = 'exec /bin/sh -c "$(printf %b "$1")" "$2" "$3" "$4" "$5" "$6"'
_OUTER = """
set +x
{settings}
case ${{LC_ALL-}} in *[!A-Za-z0-9_.@-]*) l=;; *) l=${{LC_ALL-}};; esac
inner=$(printf %b "$1") user=$(printf %b "$3")
printf %s%s "$4" "$5"{both}
exec env LC_ALL=C {become}
"""
_BECOME = {
    ElevationMethod.SUDO: 'sudo -S -p "$6$7" -u "$user" -- /bin/sh -c "$inner" "$2" "$8" "$9" "$l" "$saved"',
    ElevationMethod.SU: """su "$user" -c "$inner '$l' '$saved'\"""",
    ElevationMethod.DOAS: 'doas {patience}-u "$user" -- /bin/sh -c "$inner" "$2" "$8" "$9" "$l" "$saved"',
}
_ANY_PASSWORD = re.compile(rb"[^\n]*password[^\n]*: *\Z", re.IGNORECASE)


class Ends(Enum):
    """What the channel's ends are.

    BARE is a terminal that nobody has asked for, and so does nothing to what goes through; RAW carries bytes.
    """

    PIPES = "pipes"
    TERMINAL = "terminal"
    BARE = "bare"
    RAW = "raw"


_SETTINGS = {
    Ends.PIPES: "",
    Ends.TERMINAL: 'stty "$4" 2>/dev/null',
    Ends.BARE: "stty -echo -opost 2>/dev/null",
    Ends.RAW: "stty raw -echo 2>/dev/null",
}


class Errand(msgspec.Struct, frozen=True):
    """What the other user is to do.

    Args:
        script: what the second script becomes; `$0` is the line, hidden.
        line: for a shell of the other user.
        waits: until GO is sent, so that nothing is lost while the far end gets ready.
    """

    script: str
    line: str = ""
    waits: bool = False


def running(line: str, *, input_from: str = "", waits: bool = False) -> Errand:
    """A command line, in /bin/sh. `input_from`: a file that is its stdin instead of ours."""
    return Errand(f"{_RUN} <{input_from}" if input_from else _RUN, line, waits)


def serving_files() -> Errand:
    """The host's own SFTP server."""
    return Errand(_SERVE, waits=True)


def ending(place: Sequence[int], mark: Mark) -> Errand:
    """Ends a process with all of its group and session.

    Args:
        place: what it told of itself when it began.
        mark: what it began with.
    """
    return Errand(f'set -- {" ".join(map(str, place))}\nmark={mark.first}; mark="$mark {mark.second}"\n{_END}')


def sweeping() -> Errand:
    """Removes the temporary names that it is told, a line each, unless it is DISMISSED."""
    return Errand(_SWEEP)


def become(elevation: Elevation, errand: Errand, ends: Ends) -> tuple[str, Prelude]:
    """The command line for the login shell, and what tells its words apart from those of the errand."""
    start, began, question = Mark.new(), Mark.new(), Mark.new()
    on_terminal = ends is not Ends.PIPES
    both = "" if on_terminal else '; printf %s%s "$1" "$2" >&2'
    inner = _INNER.format(
        settings=_SETTINGS[ends], place=_PLACE, both=both, go="read -r go; " if errand.waits else "", then=errand.script
    )
    line = hidden(errand.line)
    if elevation.method is ElevationMethod.SU:  # which hands it to whichever shell the other user has
        inner = sh(_INNER_AGAIN, [hidden(inner), line, began.first, began.second])
    outer = _OUTER.format(
        settings="saved=$(stty -g 2>/dev/null); stty -echo 2>/dev/null" if on_terminal else "saved=",
        both="" if on_terminal else '; printf %s%s "$4" "$5" >&2',
        become=_BECOME[elevation.method].format(patience="" if on_terminal else "-n "),
    )
    words = [
        hidden(inner), line, hidden(elevation.user), start.first, start.second,
        question.first, question.second, began.first, began.second,
    ]  # fmt: skip
    streams: tuple[Stream, ...] = ("stdout",) if on_terminal else ("stdout", "stderr")
    own = elevation.method is ElevationMethod.SUDO  # the others ask in words that we cannot choose
    asked = re.compile(re.escape(str(question).encode())) if own else _ANY_PASSWORD
    return sh(outer, words), Prelude(start, began, asked, streams)
