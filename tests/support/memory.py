"""How much memory a command has needed at its peak, told by a small process that starts it.

What the system counts for a process begins with what its parent had when it started it, and a worker of the tests may
have had much.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence

_START = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps([done.returncode, peak, done.stdout.decode()]))
"""


def peak_of(command: Sequence[str], environment: Mapping[str, str], seconds: float = 100) -> tuple[int, int, str]:
    """Run it to its end. Returns: its exit code, its peak in bytes, and its stdout."""
    words = [sys.executable, "-c", _START, *command]
    done = subprocess.run(words, stdout=subprocess.PIPE, env=dict(environment), timeout=seconds, check=True)
    exit_code, peak, stdout = json.loads(done.stdout)
    return exit_code, peak, stdout
