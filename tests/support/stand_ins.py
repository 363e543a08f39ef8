"""Programs that stand in for those that change a system: each writes down how it was called, and does a little.

They come first in PATH; $STAND_IN is the directory of the host that calls them.
"""

from __future__ import annotations

from pathlib import Path

PROGRAMS = {
    "apt-get": """
        case "$*" in *install*) cp "$STAND_IN/offered" "$STAND_IN/installed";; esac
    """,
    "dnf": """
        cp "$STAND_IN/offered" "$STAND_IN/installed"
    """,
    "systemctl": """
        case $1 in
            restart) cp "$STAND_IN/installed" "$STAND_IN/running" ;;
            reload) cp "$STAND_IN"/ssl/current/*.pem "$STAND_IN/serving" ;;
            is-active) grep -qv broken "$STAND_IN/running" ;;
        esac
    """,
    "nginx": """
        test ! -e "$STAND_IN/misconfigured"
    """,
    "ss": "",
    "journalctl": """
        echo "2026-11-26T05:00:00+0000 started"
    """,
    "getent": """
        case $1 in
            passwd) grep -x "$2" "$STAND_IN/accounts" ;;
            shadow) grep "^$2:" "$STAND_IN/shadow" ;;
        esac
    """,
    "useradd": """
        for last; do :; done
        echo "$last" >> "$STAND_IN/accounts"
    """,
    "usermod": """
        case $1 in
            --groups) echo "$2" | tr , ' ' > "$STAND_IN/groups.$3" ;;
            --lock) echo "$4:!" >> "$STAND_IN/shadow" ;;
        esac
    """,
    "id": """
        case $1 in
            -Gn) echo "$2 $(cat "$STAND_IN/groups.$2" 2>/dev/null)" ;;
            *) exec /usr/bin/id "$@" ;;
        esac
    """,
    "socat": """
        exec cat >> "$STAND_IN/said"
    """,
}
"""By name, what each does besides."""


def install(directory: Path) -> Path:
    """Make the programs in an empty directory, and return it."""
    directory.mkdir(mode=0o755)
    for name, does in PROGRAMS.items():
        program = directory / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> "$STAND_IN/calls"\n{does}')
        program.chmod(0o755)
    return directory


def calls(host: Path) -> list[str]:
    """How programs were called on a host, in order, in their own words."""
    file = host / "calls"
    return file.read_text().splitlines() if file.exists() else []
