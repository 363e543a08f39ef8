"""Ends what was begun on a channel: the process group by the protocol's own signals, and what is left of it by a look.

sshd gives each command a process group, and signals it when asked to (RFC 4254, 6.9; OpenSSH since 7.9): TERM, and
KILL where that is not obeyed. It refuses where it has a command of its own in place of ours. So where it obeys, a
second command does not begin the first one anew, and may look for what has survived.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

import msgspec
from paramiko import Channel

from fleetctl.cancel import Cancel, Guard
from fleetctl.errors import FleetError, TimedOut
from fleetctl.ssh.any_shell import sh
from fleetctl.ssh.channel_requests import channel_request, is_granted
from fleetctl.ssh.stream.hearing import Receive
from fleetctl.ssh.translate import FOREIGN

SECONDS = 8.0
"""For all of it; then the connection is cut."""
GRACE_SECONDS = 2.5
"""Between TERM and KILL."""
KILL_SECONDS = 1.0
"""For the end of what was killed to be told."""
_REPLY_SECONDS = 2.0
_log = logging.getLogger("fleetctl.ssh")
_REFUSES_FORCED = re.compile(r"SSH-2\.0-(OpenSSH_|fleetctl_lab)")
"""Servers that obey a signal only where what runs is what was asked for; others may not be so particular."""

_TOLD = re.compile(rb"fleetctl: (\d+) left\s*\Z")

# What the connection has begun has its very SSH_CONNECTION, which nothing else has. What has not, but has outlived its
# session's leader, came to be after the connection and is in our control group, may be ours all the same: sudo, say.
# Sessions whose leader is alive and a child of sshd's process are those of other channels. A session of which anything
# holds on to the channel's streams is the command's own, and all of it goes; a daemon has its own, and has let go.
_SURVEY = r"""
exec 2>/dev/null
give_up() { echo 'fleetctl: unknown'; exit; }
attached() {
for end in 0 1 2; do
case $(readlink "/proc/$1/fd/$end") in pipe:*|socket:*|/dev/pts/*) return 0;; esac
done
return 1
}
doubtful() {
[ "$(cat "/proc/$1/cgroup")" = "$control_group" ] || return 1
case $(tr '\0' '\n' <"/proc/$1/environ" | grep '^SSH_CONNECTION=') in
''|"SSH_CONNECTION=$SSH_CONNECTION") return 0;;
*) return 1;;
esac
}
found() {
cat /proc/[0-9]*/stat | awk -v ours="$1" -v own=$$ -v server="$PPID" '
!/\) / { print "broken"; exit }
{ pid = $1; sub(/.*\) /, ""); state[pid] = $1; parent[pid] = $2; session[pid] = $4; began[pid] = $20 }
END {
for (pid in state) {
leader = session[pid]
if (leader == session[own] || state[pid] ~ /[ZX]/) continue
alive = leader in state
if (index(ours, "/proc/" pid "/")) {
if (!alive || state[leader] == "Z" || parent[leader] != server) print "ours", pid, leader
} else if (!alive && leader > 0 && began[pid] >= began[server]) print "doubtful", pid, leader
}
print "whole"
}'
}
survey() {
left=0
ours=$(grep -lzxF -e "SSH_CONNECTION=$SSH_CONNECTION" /proc/[0-9]*/environ | tr '\n' ' ')
case $ours in */proc/$$/environ*) ;; *) give_up;; esac
set -- "$1" $(found "$ours")
case "$*" in *whole) ;; *) give_up;; esac
while [ $# -gt 3 ]; do
case $2 in
ours)
attached "$3" && held="$held $4 "
case $1$held in kill*" $4 "*) kill -KILL "$3";; esac
left=$((left + 1));;
doubtful) doubtful "$3" && left=$((left + 1));;
*) give_up;;
esac
mode=$1; shift 4; set -- "$mode" "$@"
done
}
[ -r /proc/1/stat ] && [ -n "$SSH_CONNECTION" ] || give_up
control_group=$(cat /proc/$$/cgroup) held=
for round in 1 2 3 4 5 6; do
survey "$1"
[ "$left" = 0 ] && break
sleep 0.3 || sleep 1
done
echo "fleetctl: $left left"
"""


class Watch(msgspec.Struct, frozen=True):
    """How long a command may run, and how it is ended then.

    Args:
        guard: of the time that it has in all, `timeout` seconds.
        silence: seconds for which it may say nothing.
        end: ends it, handing over what it still says, and tells whether nothing is known to be left of it.
    """

    guard: Guard
    timeout: float | None
    silence: float | None
    end: Callable[[Receive, Cancel], bool]

    def ended(self, receive: Receive, cancel: Cancel, abort: Callable[[], None]) -> FleetError:
        """End it, and cut the connection when it is not known to have ended. Returns: why that was done."""
        error = self._why(cancel)
        self.guard.release()
        error.killed = False
        try:
            # The run's own clock has run out, and its flag may be set.
            with cancel.afterwards.guard(SECONDS, abort) as guard:
                error.killed = self.end(receive, cancel.afterwards) and not guard.expired
        except (FleetError, *FOREIGN) as failure:
            _log.info("what was begun may still run: %s", failure)
        finally:
            if not error.killed:
                abort()
        return error

    def _why(self, cancel: Cancel) -> FleetError:
        if cancel.is_set():
            return cancel.error()
        if self.guard.active and self.silence is not None:
            return TimedOut(f"no output for {self.silence:g} s", hint="--idle-timeout gives it longer")
        return late(self.timeout or 0.0)


def late(seconds: float) -> TimedOut:
    return TimedOut(f"not done within {seconds:g} s", hint="--timeout gives it longer")


def survey(*, kill: bool) -> str:
    """The command line that tells how much is left of what the connection has begun, other channels aside.

    Args:
        kill: whatever holds on to the streams of a channel; what has let go of them may be meant to stay.
    """
    return sh(_SURVEY, ["kill" if kill else "look"])


def nothing_left(said: bytes) -> bool:
    """Whether it, or what ends another user's processes, knows that nothing is left."""
    told = _TOLD.search(said)
    return told is not None and int(told[1]) == 0


def end_group(
    channel: Channel, banner: str, closes: Callable[[float], bool], survivors: Callable[[bool], bytes]
) -> bool:
    """End what was begun on the channel. Returns: whether it is known that nothing of it is left.

    Args:
        banner: what the server calls itself.
        closes: whether it closes the channel within some seconds.
        survivors: what a `survey` says, that kills or does not.

    Raises: our errors, and FOREIGN.
    """
    if not _signal(channel, "TERM"):
        return False
    if closes(GRACE_SECONDS):
        return _known(banner) and nothing_left(survivors(False))
    # A refusal means that the leader of the group is no more: it was signalled before.
    if _signal(channel, "KILL"):
        if closes(KILL_SECONDS):
            return _known(banner) and nothing_left(survivors(False))
        if _signal(channel, "KILL"):
            return False
    channel.close()  # there may be room for one at a time
    return _known(banner) and nothing_left(survivors(True))


def _known(banner: str) -> bool:
    return _REFUSES_FORCED.match(banner) is not None


def _signal(channel: Channel, name: str) -> bool:
    """Whether the server has sent that signal to what runs on the channel. When it refuses, the channel is closed."""
    request = channel_request(channel, "signal")
    request.add_string(name)
    try:
        return is_granted(channel, request, _REPLY_SECONDS)
    except FOREIGN:
        return False
