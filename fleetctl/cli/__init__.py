"""The command line: parse, call Fleet, tell the exit code. Signals, prompts and the terminal live here."""

from __future__ import annotations

import os
import sys

from fleetctl import __version__


def main() -> None:
    """The `fleetctl` command."""
    if sys.argv[1:] == ["--version"]:
        print(f"fleetctl {__version__}")
        return
    from fleetctl.cli.app import app
    from fleetctl.errors import FleetError

    try:
        app()
    except FleetError as error:
        from fleetctl.cli.talk import complain_of

        complain_of(error)
        sys.exit(2)
    except BrokenPipeError:
        # Whoever read our output is gone; Python would complain once more while it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
