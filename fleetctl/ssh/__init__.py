"""One authenticated SSH connection per host, dialled by us, kept and reused; the only room that knows paramiko.

Half of paramiko's own import goes into what we never ask of it: `invoke`, with which it evaluates `Match exec` in
ssh_config files, and the package metadata, from which it learns its own version. It is told that the one is absent,
and a version that is none.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any


@contextmanager
def _standing_in(modules: dict[str, Any]) -> Iterator[None]:
    """Show these modules to whoever imports them meanwhile, unless they are loaded already."""
    missing = modules.keys() - sys.modules.keys()
    sys.modules.update({name: modules[name] for name in missing})
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]


with _standing_in({"invoke": None, "importlib.metadata": SimpleNamespace(version=lambda _: "5")}):
    import paramiko

# The root logger would print paramiko's own tracebacks; failures reach the user as our errors.
paramiko.util.get_logger("paramiko").setLevel("CRITICAL")
