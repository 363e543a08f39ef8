"""The command line: parse, call Fleet, tell the exit code. Signals, prompts and the terminal live here."""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn

from fleetctl import __version__

_COLLECT_EVERY = 100_000


def main() -> NoReturn:
    """The `fleetctl` command."""
    # A command lives for seconds and keeps most of what it makes: collecting every 700 objects, which is
    # Python's default, takes half the time that loading a large inventory takes.
    gc.set_threshold(_COLLECT_EVERY, 50, 50)
    exit_code = _run()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        exit_code = exit_code or 1
    # All threads are joined and all files closed by now; taking the interpreter apart would cost 50 ms more.
    os._exit(exit_code)


def _run() -> int:
    if sys.argv[1:] == ["--version"]:
        print(f"fleetctl {__version__}")  # without typer, in a fifth of the time
        return 0
    from fleetctl.cli.app import app
    from fleetctl.errors import FleetError

    try:
        app()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except FleetError as error:
        from fleetctl.cli.talk import complain_of

        complain_of(error)
        return 2
    except BrokenPipeError:
        return 1
    return 0
