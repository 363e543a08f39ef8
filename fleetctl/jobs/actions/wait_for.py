"""`wait_for`: look again and again whether something holds, as the host itself sees it.

Each look is one command on the session that there is. For a port it is less: the host's server is asked to connect to
it (RFC 4254, 7.2), which needs nothing on the host. Where the server connects to nothing for us, a command of the host
does: nc, python3, perl or bash.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from fleetctl.durations import spelled
from fleetctl.errors import ChannelRefused, StepFailed, TimedOut
from fleetctl.events import Stream
from fleetctl.jobs.guards import is_there
from fleetctl.jobs.language import WaitFor
from fleetctl.jobs.scene import Done, Scene
from fleetctl.jobs.waiting import awaited
from fleetctl.ssh.any_shell import sh

_LEAST_SECONDS = 1.0
"""For a last look."""
_PORT_SECONDS = 5.0
_URL_SECONDS = 10
_MOST_KEPT = 64 * 1024
_NO_TOOL = 127
_LOOK_AT_PORT = f"""
exec 2>/dev/null
has() {{ command -v "$1" >/dev/null; }}
if has nc; then exec nc -z -w {_PORT_SECONDS:.0f} "$1" "$2"; fi
if has python3; then exec python3 -c 'import socket, sys; socket.create_connection(sys.argv[1:], 5)' "$1" "$2"; fi
if has perl; then exec perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new("$ARGV[0]:$ARGV[1]")' "$1" "$2"; fi
if has bash; then exec bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2"; fi
exit {_NO_TOOL}
"""
_LOOK_AT_URL = f"""
has() {{ command -v "$1" >/dev/null; }}
if has curl; then
code=$(curl -sSL -m {_URL_SECONDS} -o /dev/null -w '%{{http_code}}' -- "$1") || exit 1
case $code in 2??) exit 0;; esac
echo "it answers with $code" >&2
exit 1
fi
if has wget; then exec wget -q -T {_URL_SECONDS} -t 1 -O /dev/null -- "$1"; fi
exit {_NO_TOOL}
"""


class _Look(msgspec.Struct, frozen=True):
    """What one look came to.

    Args:
        there: whether it holds; None when it cannot be told.
        said: what was said meanwhile, in pieces.
    """

    there: bool | None
    said: tuple[tuple[Stream, bytes], ...] = ()


def perform_wait_for(action: WaitFor, scene: Scene) -> Done:
    """Raises: StepFailed when it takes too long, or the host has nothing to look with; as `Session.run`."""
    what, look = awaited(action, scene.renderer.text), _looking(action, scene)
    began = time.monotonic()
    while True:
        left = began + action.within - time.monotonic()
        seen = look(max(left, _LEAST_SECONDS))
        if seen.there is (not action.gone):
            break
        left = began + action.within - time.monotonic()
        if left <= 0:
            _pass_on(seen, scene)
            still = "still there" if action.gone else "not there"
            raise StepFailed(
                f"{still} after {spelled(action.within)}: {what}{_tail(seen)}", hint="`within` waits longer"
            )
        scene.cancel.wait(min(action.every, left))
    _pass_on(seen, scene)
    return Done(0, why=f"{what}: {'gone' if action.gone else 'there'} {_when(time.monotonic() - began)}")


def _when(waited: float) -> str:
    """In whole seconds, so that hosts that have waited alike are shown as one."""
    return f"after {waited:.0f} s" if waited >= 1 else "at once"


def _looking(action: WaitFor, scene: Scene) -> Callable[[float], _Look]:
    """What looks at it, within some seconds. Raises: TemplateFailed; StepFailed when it is no port."""
    text = scene.renderer.text
    if action.port is not None:
        port, address = _port(text(action.port)), text(action.address)
        return lambda seconds: _at_port(address, port, seconds, scene)
    if action.url is not None:
        url = text(action.url)
        return lambda seconds: _run(sh(_LOOK_AT_URL, [url]), seconds, scene, "curl and wget")
    line = is_there(text(action.file)) if action.file is not None else text(action.command or "")
    return lambda seconds: _run(scene.in_place(line), seconds, scene)


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdecimal() else 0
    if not 0 < port < 1 << 16:
        raise StepFailed(f"{text!r} is no port")
    return port


def _at_port(address: str, port: int, seconds: float, scene: Scene) -> _Look:
    with scene.reach.login() as session:
        try:
            return _Look(session.connects(address, port, min(seconds, _PORT_SECONDS), scene.cancel))
        except ChannelRefused:
            line = sh(_LOOK_AT_PORT, [address, str(port)])
    return _run(line, seconds, scene, "nc, python3, perl and bash")


def _run(line: str, seconds: float, scene: Scene, tools: str = "") -> _Look:
    """One look, by a command. `tools`: what it needs one of."""
    said: list[tuple[Stream, bytes]] = []

    def receive(stream: Stream, data: bytes) -> None:
        if sum(len(piece) for _, piece in said) < _MOST_KEPT:
            said.append((stream, data))

    try:
        with scene.session() as session:
            ended = session.run(line, receive, scene.cancel, timeout=seconds)
    except TimedOut as error:
        if not error.killed:
            raise
        return _Look(None, tuple(said))
    if tools and ended.exit_code == _NO_TOOL:
        raise StepFailed(f"the host has nothing to look with: {tools} are missing")
    return _Look(ended.exit_code == 0, tuple(said))


def _pass_on(seen: _Look, scene: Scene) -> None:
    """What the last look said; the others said the same."""
    for stream, data in seen.said:
        scene.context.emit(stream, data)


def _tail(seen: _Look) -> str:
    """The last line of what was said."""
    lines = b"".join(data for _, data in seen.said).decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {last}" if last else ""
