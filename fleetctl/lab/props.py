"""What makes a lab host look like a server: its name, its disks, and a few files in its home."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

_GIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Disk:
    device: str
    gib: int
    percent: int
    mount: str

    def row(self, *, human: bool) -> tuple[str, ...]:
        used = self.gib * self.percent / 100
        if human:
            sizes = (f"{self.gib}G", f"{used:.1f}G", f"{self.gib - used:.1f}G")
        else:
            sizes = (str(self.gib * _GIB), str(int(used * _GIB)), str(int((self.gib - used) * _GIB)))
        return (self.device, *sizes, f"{self.percent}%", self.mount)


_DATA = {"web": ("/var/www", 100, 42), "db": ("/var/lib/postgresql", 500, 61)}
_NEARLY_FULL = 97


def files(name: str, role: str) -> dict[str, str]:
    """Contents by path below the home: the same for a role, but for what names the host."""
    return {
        "README": f"{name}, a {role} server of the fleetctl lab. Nothing here matters: try things.\n",
        "app/VERSION": "2.4.1\n",
        f"etc/{role}.conf": f"role = {role}\nworkers = 4\nlog = logs/{role}.log\n",
        f"logs/{role}.log": f"started {role}\nready on {name}\n",
    }


def programs(name: str, role: str, *, nearly_full: bool) -> dict[str, str]:
    """Shell scripts by name. What they do not understand goes to the machine's own program."""
    answers = {
        f"{flag} {mount}".strip(): _table(_disks(role, nearly_full=nearly_full), flag, mount)
        for flag, mount in product(("", "-h"), ("", "/", _DATA[role][0]))
    }
    return {"df": _script("df", answers), "hostname": _script("hostname", dict.fromkeys(("", "-s", "-f"), f"{name}\n"))}


def _disks(role: str, *, nearly_full: bool) -> tuple[_Disk, ...]:
    mount, gib, percent = _DATA[role]
    return (_Disk("/dev/vda1", 40, 31, "/"), _Disk("/dev/vdb1", gib, _NEARLY_FULL if nearly_full else percent, mount))


def _table(disks: tuple[_Disk, ...], flag: str, mount: str) -> str:
    human = flag == "-h"
    titles = ("Filesystem", "Size" if human else "1K-blocks", "Used", "Avail" if human else "Available")
    rows = [
        (*titles, "Use%", "Mounted on"),
        *(disk.row(human=human) for disk in disks if mount in {"", disk.mount}),
    ]
    return "".join(f"{_line(row)}\n" for row in rows)


def _line(row: tuple[str, ...]) -> str:
    device, *sizes, mount = row
    return " ".join([f"{device:<11}", *(f"{size:>10}" for size in sizes[:3]), f"{sizes[3]:>4}", mount])


def _script(program: str, answers: dict[str, str]) -> str:
    cases = "".join(f"'{arguments}') cat <<'END'\n{text}END\n;;\n" for arguments, text in answers.items())
    return f'#!/bin/sh\ncase "$*" in\n{cases}*) PATH=${{PATH#*:}}; exec {program} "$@" ;;\nesac\n'
