"""`reboot`: restart the host, and wait until it is back: it can be logged in to, and has booted anew."""

from __future__ import annotations

import time

from fleetctl.durations import elapsed, spelled
from fleetctl.errors import StepFailed, TimedOut, UnreachableError
from fleetctl.jobs.language import Reboot
from fleetctl.jobs.scene import Done, Scene
from fleetctl.operations.command import surrounded
from fleetctl.ssh.any_session import AnySession
from fleetctl.ssh.any_shell import sh

_FIRST_SECONDS = 0.5
_MOST_SECONDS = 5.0
"""Between two looks; each is a login."""
_LOOK_SECONDS = 30.0
_MOST_KEPT = 4096
_KILLED = 128
"""Exit codes of a shell from here on tell of a signal: what stops the system has ended it."""
# Linux, with and without procps; the BSDs and macOS; and what else tells when it was started.
_BOOT = """
exec 2>/dev/null
PATH=$PATH:/usr/sbin:/sbin
sysctl -n kernel.random.boot_id || cat /proc/sys/kernel/random/boot_id ||
sysctl -n kern.boottime || uptime -s || who -b
"""
_RESTART = """
PATH=$PATH:/usr/sbin:/sbin
has() { command -v "$1" >/dev/null; }
if has systemctl && [ -d /run/systemd/system ]; then exec systemctl reboot; fi
if has shutdown; then exec shutdown -r now; fi
exec reboot
"""


def perform_reboot(action: Reboot, scene: Scene) -> Done:
    """Raises: StepFailed when it does not restart, or is not back in time; as `Session.run`."""
    began = time.monotonic()
    with scene.reach.login() as session:
        before = _boot(session, scene)
    if not before:
        raise StepFailed("it cannot be told when the host was started", hint="it has no boot_id, uptime or who")
    _restart(action, scene)
    pause = _FIRST_SECONDS
    while _booted(scene) in {before, ""}:
        left = began + action.within - time.monotonic()
        if left <= 0:
            said = f"not back {spelled(action.within)} after its restart"
            raise StepFailed(said, hint="see its console; `within` waits longer")
        scene.reach.leave()  # a system that goes down may leave us hanging
        scene.cancel.wait(min(pause, left))
        pause = min(2 * pause, _MOST_SECONDS)
    scene.reach.restarted()
    return Done(0, why=f"back after {elapsed(time.monotonic() - began)}")


def _boot(session: AnySession, scene: Scene) -> str:
    """What tells this boot from others; "" when the host has nothing of the kind. Raises: as `Session.run`."""
    said = bytearray()
    line = _with_variables(_BOOT, scene)
    session.run(line, lambda _stream, data: said.extend(data), scene.cancel, timeout=_LOOK_SECONDS)
    return said.decode(errors="replace").strip()


def _booted(scene: Scene) -> str:
    """The same, or "" while the host is away. Raises: what no waiting mends, as DeniedError."""
    try:
        with scene.reach.login() as session:
            return _boot(session, scene)
    except (UnreachableError, TimedOut):
        return ""


def _with_variables(script: str, scene: Scene) -> str:
    return surrounded(sh(script, []), {**scene.context.host.env, **scene.env}, "", "/bin/sh")


def _restart(action: Reboot, scene: Scene) -> None:
    """Raises: StepFailed when that was not done; ElevationDenied."""
    own = action.command
    line = _with_variables(_RESTART, scene) if own is None else scene.in_place(scene.renderer.text(own))
    said = bytearray()

    def receive(stream: str, data: bytes) -> None:
        scene.context.emit("stdout" if stream == "stdout" else "stderr", data)
        said.extend(data[: max(0, _MOST_KEPT - len(said))])

    try:
        with scene.session() as session:
            code = session.run(line, receive, scene.cancel, timeout=action.within).exit_code
    except (UnreachableError, TimedOut):
        if scene.reach.gone:  # it could not even be told to
            raise
        return  # it goes down, and takes the connection along
    finally:
        scene.reach.leave()
    if code is not None and 0 < code < _KILLED:
        words = " ".join(said.decode(errors="replace").split())
        raise StepFailed(f"the restart failed with exit code {code}" + (f": {words}" if words else ""))
