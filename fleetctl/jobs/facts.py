"""What a host is, asked in one round trip: a POSIX sh script that needs nothing but the system's own commands.

What a system cannot tell is "" or 0, and never a failure.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from fleetctl.cancel import Cancel
from fleetctl.errors import ServerFailure, StepFailed
from fleetctl.ssh.any_session import AnySession
from fleetctl.ssh.any_shell import sh
from fleetctl.transfer.shell import ask

FACTS: dict[str, str] = {
    "os": "what /etc/os-release calls it: debian, rhel; macos, freebsd",
    "os_version": "its version: 12",
    "os_name": "its name for people: Debian GNU/Linux 12 (bookworm)",
    "kernel": "the release of the kernel",
    "arch": "x86_64, aarch64",
    "cpus": "how many are online",
    "memory": "bytes",
    "disks": "a list, with `mount`, `device`, and `size`, `used` and `free` in bytes, of each local file system",
    "uptime": "seconds",
    "python": "the version of its python3, or of its python",
    "hostname": "what it calls itself",
    "boot_id": "another one after each start",
    "user": "who we are there",
}
"""Their names, and what each is."""

_SECONDS = 30.0
_LONGEST = 1000
_MOST_DISKS = 256
# Each line is a name, a blank, and the rest of the line; `say` takes the first line of what it is given. A file system
# of another machine that does not answer would hold df for ever, and what /usr/bin/python3 of a bare macOS does is to
# ask the user at its screen whether to install one.
_SCRIPT = """
exec 2>/dev/null </dev/null
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
line='
'
say() { printf '%s %s\\n' "$1" "${2%%"$line"*}"; }
echo
echo facts
system=$(uname -s)
say system "$system"
say kernel "$(uname -r)"
say arch "$(uname -m)"
say hostname "$(uname -n)"
say user "$(id -un)"
for file in /etc/os-release /usr/lib/os-release; do
[ -r "$file" ] && { sed -n 's/^\\(ID\\|VERSION_ID\\|PRETTY_NAME\\)=/release &/p' "$file" | sed 20q; break; }
done
[ "$system" = Darwin ] && say product "$(sw_vers -productVersion)"
say cpus "$(getconf _NPROCESSORS_ONLN || nproc || sysctl -n hw.ncpu)"
if [ -r /proc/meminfo ]; then say meminfo "$(grep '^MemTotal:' /proc/meminfo)"
else say memory "$(sysctl -n hw.memsize || sysctl -n hw.physmem64 || sysctl -n hw.physmem)"; fi
if [ -r /proc/uptime ]; then say uptime "$(cat /proc/uptime)"
else say boottime "$(date +%s) $(sysctl -n kern.boottime)"; fi
if [ -r /proc/sys/kernel/random/boot_id ]; then say boot_id "$(cat /proc/sys/kernel/random/boot_id)"
else say boot_id "$(sysctl -n kern.bootsessionuuid || sysctl -n kern.boottime)"; fi
if [ "$system" != Darwin ] || xcode-select -p >/dev/null; then
say python "$(python3 --version || python --version 2>&1)"
fi
near=
df -Pkl / >/dev/null && near=l
df -Pk$near | sed -e 1d -e 's/^/disk /' -e 300q
echo end
"""
_DISK = re.compile(r"(.*?) +(\d{1,18}) +(\d{1,18}) +(-?\d{1,18}) +(?:\d+%|-) +(/.*)")
_NO_DISK = re.compile(r"tmpfs|devtmpfs|udev|none|shm|run|dev|devfs|efivarfs|squashfs|cgroup.*|/dev/loop\d+|map .*")
_NUMBER = re.compile(r"\d{1,18}")
_BOOTED = re.compile(r"(\d{1,18})\D+(\d{1,18})")


def gather(session: AnySession, cancel: Cancel) -> dict[str, Any]:
    """Returns: all of FACTS. Raises: StepFailed when the answer is none, and what `Session.run` raises."""
    try:
        _, said, _ = ask(session, _SCRIPT, (), cancel, seconds=_SECONDS)
    except ServerFailure as error:
        raise StepFailed(f"the facts cannot be gathered: {error.message}", hint=error.hint) from error
    return facts_in(said.decode(errors="replace"))


def question() -> str:
    """The command line with which a host is asked."""
    return sh(_SCRIPT, ())


def facts_in(answer: str) -> dict[str, Any]:
    """What the script's answer says. Raises: StepFailed when it is none."""
    lines = answer.split("\n")
    if "end" not in lines or "facts" not in lines[: lines.index("end")]:
        hint = "does its login shell run commands, and `sh` with them?"
        raise StepFailed("the facts cannot be gathered: the host's answer is not what was asked for", hint=hint)
    told: dict[str, str] = {}
    release: dict[str, str] = {}
    disks: list[dict[str, Any]] = []
    for line in lines[lines.index("facts") + 1 : lines.index("end")]:
        name, _, value = line[:_LONGEST].partition(" ")
        if name == "disk":
            disks += _disk(value) if len(disks) < _MOST_DISKS else []
        elif name == "release":
            key, _, value = value.partition("=")
            release.setdefault(key, _unquoted(value))
        else:
            told.setdefault(name, value.strip())
    return {
        **_system(told, release),
        **{name: told.get(name, "") for name in ("kernel", "arch", "hostname", "boot_id", "user")},
        "cpus": _number(told.get("cpus", "")),
        "memory": _number(told.get("meminfo", "")) * 1024 or _number(told.get("memory", "")),
        "disks": disks,
        "uptime": _uptime(told),
        "python": told.get("python", "").removeprefix("Python").strip(),
    }


def _system(told: Mapping[str, str], release: Mapping[str, str]) -> dict[str, str]:
    if told.get("system") == "Darwin":
        version = told.get("product", "")
        return {"os": "macos", "os_version": version, "os_name": f"macOS {version}".strip()}
    return {
        "os": release.get("ID") or told.get("system", "").lower(),
        "os_version": release.get("VERSION_ID", ""),
        "os_name": release.get("PRETTY_NAME") or told.get("system", ""),
    }


def _disk(line: str) -> list[dict[str, Any]]:
    """One, or none where it is no disk."""
    found = _DISK.fullmatch(line)
    if found is None:
        return []
    device, size, used, free, mount = found.groups()
    if mount != "/" and (_NO_DISK.fullmatch(device) or device == "overlay" or not int(size)):
        return []
    return [
        {
            "mount": mount, "device": device,
            "size": int(size) * 1024, "used": int(used) * 1024, "free": max(0, int(free)) * 1024,
        }
    ]  # fmt: skip


def _uptime(told: Mapping[str, str]) -> int:
    """Seconds; where a system does not tell them it tells when it was started: `{ sec = 1700000000, usec = 0 } …`."""
    if "uptime" in told:
        return _number(told["uptime"])
    found = _BOOTED.match(told.get("boottime", ""))
    return 0 if found is None else max(0, int(found[1]) - int(found[2]))


def _number(text: str) -> int:
    """The first that is in it, or 0."""
    found = _NUMBER.search(text)
    return 0 if found is None else int(found[0])


def _unquoted(value: str) -> str:
    """As a shell would read it (os-release(5)); as it is where none could."""
    try:
        return "".join(shlex.split(value)[:1])
    except ValueError:
        return value
