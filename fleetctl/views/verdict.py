"""The closing lines on stderr: how many were ok, who was not, why, and what to do about it."""

from __future__ import annotations

from fleetctl.events import Event, HostFinished, RunFinished, Status
from fleetctl.nodes import fold
from fleetctl.views.neutral import sanitize
from fleetctl.views.reasons import reason
from fleetctl.views.screen import Screen

_MARKS = {Status.OK: ("✔", "32"), Status.SKIPPED: ("·", "2"), Status.CANCELLED: ("■", "33")}
_TROUBLE = ("✘", "31")
_MOST_LINES = 20


class Verdict:
    """Remembers hosts that are not ok by reason; says nothing when quiet. Called from one thread."""

    def __init__(self, screen: Screen, *, quiet: bool) -> None:
        self._screen = screen
        self._quiet = quiet
        self._troubles: dict[tuple[Status, str, str], list[str]] = {}
        self._hosts = 0

    def show(self, event: Event) -> None:
        if self._quiet:
            return
        if isinstance(event, HostFinished):
            self._hosts += 1
            why = reason(event.outcome)
            if why:
                hint = event.outcome.error.hint if event.outcome.error is not None else ""
                words = why.removeprefix(f"{event.outcome.status}: ")
                self._troubles.setdefault((event.outcome.status, words, hint), []).append(event.host)
        elif isinstance(event, RunFinished):
            self._say(event)

    def close(self) -> None:
        """Nothing is held open."""

    def _say(self, event: RunFinished) -> None:
        parts = [self._count(status, event.counts[status]) for status in Status if event.counts.get(status)]
        cancelled = f" — cancelled: {event.cancelled}" if event.cancelled else ""
        done = f"{self._hosts} {'host' if self._hosts == 1 else 'hosts'} in {event.at:.1f} s{cancelled}"
        self._screen.say(f"{' · '.join(parts) or 'nothing done'} — {done}")
        groups = sorted(self._troubles.items(), key=lambda item: (list(Status).index(item[0][0]), -len(item[1])))
        for (status, words, hint), hosts in groups[:_MOST_LINES]:
            self._say_trouble(status, words, hint, hosts)
        if len(groups) > _MOST_LINES:
            left = [host for _, hosts in groups[_MOST_LINES:] for host in hosts]
            self._screen.say(f"  and {len(groups) - _MOST_LINES} reasons more: {fold(left)}")

    def _say_trouble(self, status: Status, words: str, hint: str, hosts: list[str]) -> None:
        _, colour = _MARKS.get(status, _TROUBLE)
        title = self._screen.paint(f"{status:<12}", colour, out=False)
        self._screen.say(f"  {title} {fold(hosts)}  {sanitize(words)}")
        if hint and status is not Status.CANCELLED:
            self._screen.say(f"{'':15}→ {sanitize(hint)}")

    def _count(self, status: Status, count: int) -> str:
        mark, colour = _MARKS.get(status, _TROUBLE)
        text = f"{mark} {count} {status}" if self._screen.err_is_terminal else f"{count} {status}"
        return self._screen.paint(text, colour, out=False)
