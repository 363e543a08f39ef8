"""One authenticated SSH connection per host, dialled by us, kept and reused; the only room that knows paramiko.

paramiko imports `invoke` where it is installed, only to evaluate `Match exec` in ssh_config files,
which we never ask of it. That import is a third of paramiko's own, so it is told that invoke is absent.
"""

import sys
from types import ModuleType
from typing import cast

if "invoke" in sys.modules:
    import paramiko
else:
    sys.modules["invoke"] = cast("ModuleType", None)
    try:
        import paramiko
    finally:
        del sys.modules["invoke"]

# The root logger would print paramiko's own tracebacks; failures reach the user as our errors.
paramiko.util.get_logger("paramiko").setLevel("CRITICAL")
