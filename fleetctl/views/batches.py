"""A line on stderr for each batch: who is next, what the check said, what is waited for."""

from __future__ import annotations

from fleetctl.durations import elapsed
from fleetctl.events import BatchFinished, BatchStarted, ErrorFacts, Event, RunFinished
from fleetctl.nodes import fold
from fleetctl.sizes import counted
from fleetctl.views.neutral import sanitize
from fleetctl.views.screen import Screen


class BatchLines:
    """Says nothing where a run has no batches. Called from one thread.

    Args:
        quiet: tell only what stops the run.
    """

    def __init__(self, screen: Screen, *, quiet: bool) -> None:
        self._screen = screen
        self._quiet = quiet

    def show(self, event: Event) -> None:
        match event:
            case BatchStarted(number=number, batches=batches, hosts=hosts):
                self._say(f"batch {number} of {batches}: {counted(len(hosts), 'host')}")
            case BatchFinished(check=check, pause=pause):
                if check == "ok":
                    self._say("check ok")
                for words, ailing in _by_words(event.unhealthy).items():
                    line = f"check failed on {fold(ailing)}: {words}"
                    self._screen.say(self._screen.paint(sanitize(line), "31", out=False))
                if pause:
                    self._say(f"pausing {elapsed(pause)}")
            case RunFinished(stopped=stopped) if stopped and self._quiet:
                self._screen.say(f"stopped: {sanitize(stopped)}")

    def close(self) -> None:
        """Nothing is held open."""

    def _say(self, line: str) -> None:
        if not self._quiet:
            self._screen.say(self._screen.paint(line, "2", out=False))


def _by_words(unhealthy: dict[str, ErrorFacts]) -> dict[str, list[str]]:
    """Hosts by what is told of them."""
    hosts: dict[str, list[str]] = {}
    for host, error in unhealthy.items():
        hosts.setdefault(error.message, []).append(host)
    return hosts
