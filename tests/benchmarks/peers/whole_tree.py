"""Runs a command so that all that it has begun is counted: what it left behind becomes ours, is ended and waited for.

    whole_tree.py COMMAND...

An ssh that ControlPersist keeps is no child of whoever asked for it, and its CPU would be counted nowhere.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def main() -> int:
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError("prctl: orphans cannot be adopted")
    code = subprocess.run(sys.argv[1:], check=False).returncode
    while left := Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        for pid in map(int, left):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
