"""The closing lines on stderr: how many were ok, what became of files, who was not ok, why, and what to do."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import msgspec

from fleetctl.events import Event, HostFinished, RunFinished, Status
from fleetctl.nodes import fold
from fleetctl.views.neutral import sanitize
from fleetctl.views.reasons import reason
from fleetctl.views.screen import Screen
from fleetctl.views.tally import Tally

_MARKS = {Status.OK: ("✔", "32"), Status.SKIPPED: ("·", "2"), Status.CANCELLED: ("■", "33")}
_TROUBLE = ("✘", "31")
_MOST_LINES = 20
_MOST_WORDINGS = 3
_HERE = "\0"
"""Stands in a hint for the name of its host."""


class _Trouble(msgspec.Struct):
    """Hosts that tell the same story, and what to do about it."""

    words: str
    hint: str
    hosts: list[str] = msgspec.field(default_factory=list)


class Verdict:
    """Remembers hosts that are not ok by reason. Called from one thread.

    Args:
        quiet: tell only of these hosts.
    """

    def __init__(self, screen: Screen, *, quiet: bool) -> None:
        self._screen = screen
        self._quiet = quiet
        self._left_running: list[str] = []
        self._kinds: dict[tuple[Status, str], dict[str, _Trouble]] = {}
        self._notes: dict[str, list[str]] = {}
        self._hosts = 0
        self._files = Tally()

    def show(self, event: Event) -> None:
        self._files.note(event)
        if isinstance(event, HostFinished):
            self._hosts += 1
            self._note(event)
            if event.outcome.note:
                self._notes.setdefault(event.outcome.note, []).append(event.host)
            if not event.outcome.remote_ended:
                self._left_running.append(event.host)
        elif isinstance(event, RunFinished):
            self._say(event)

    def close(self) -> None:
        """Nothing is held open."""

    def _note(self, event: HostFinished) -> None:
        outcome = event.outcome
        why = reason(outcome)
        if not why:
            return
        words = why.removeprefix(f"{outcome.status}: ")
        code, hint = (outcome.error.code, outcome.error.hint) if outcome.error is not None else ("", "")
        wordings = self._kinds.setdefault((outcome.status, code or words), {})
        wordings.setdefault(words, _Trouble(words, _without_name(hint, event.host))).hosts.append(event.host)

    def _say(self, event: RunFinished) -> None:
        if not self._quiet:
            self._say_counts(event)
            self._say_files()
        lines = sorted(self._troubles(), key=lambda line: (list(Status).index(line[0]), -len(line[1].hosts)))
        for status, trouble in lines[:_MOST_LINES]:
            self._say_trouble(status, trouble)
        if len(lines) > _MOST_LINES:
            left = [host for _, trouble in lines[_MOST_LINES:] for host in trouble.hosts]
            self._screen.say(f"  and {len(lines) - _MOST_LINES} reasons more: {fold(left)}")
        for note, hosts in self._notes.items() if not self._quiet else ():
            self._screen.say(f"  {'note':<12} {fold(hosts)}  {sanitize(note)}")
        if self._left_running:
            self._screen.say(f"  what was begun there may still run: {fold(self._left_running)}")

    def _say_counts(self, event: RunFinished) -> None:
        parts = [self._count(status, event.counts[status]) for status in Status if event.counts.get(status)]
        why = {"cancelled": event.cancelled, "stopped": event.stopped}
        ended = "".join(f" — {how}: {sanitize(reason)}" for how, reason in why.items() if reason)
        done = f"{self._hosts} {'host' if self._hosts == 1 else 'hosts'} in {event.at:.1f} s{ended}"
        self._screen.say(f"{' · '.join(parts) or 'nothing done'} — {done}")

    def _say_files(self) -> None:
        line = self._files.line()
        if line:
            self._screen.say(f"  {line}")

    def _troubles(self) -> Iterator[tuple[Status, _Trouble]]:
        """A line for each wording; one for all where addresses or fingerprints make each host's its own."""
        for (status, _), wordings in self._kinds.items():
            troubles = list(wordings.values())
            if len(troubles) <= _MOST_WORDINGS:
                yield from ((status, trouble) for trouble in troubles)
                continue
            hosts = [host for trouble in troubles for host in trouble.hosts]
            yield status, _Trouble(f"{troubles[0].words} (and {len(troubles) - 1} like it)", troubles[0].hint, hosts)

    def _say_trouble(self, status: Status, trouble: _Trouble) -> None:
        _, colour = _MARKS.get(status, _TROUBLE)
        title = self._screen.paint(f"{status:<12}", colour, out=False)
        names = fold(trouble.hosts)
        self._screen.say(f"  {title} {names}  {sanitize(trouble.words)}")
        if trouble.hint:
            hint = trouble.hint.replace(_HERE, shlex.quote(names))
            self._screen.say(f"{'':15}→ {sanitize(hint)}")

    def _count(self, status: Status, count: int) -> str:
        mark, colour = _MARKS.get(status, _TROUBLE)
        text = f"{mark} {count} {status}" if self._screen.err_is_terminal else f"{count} {status}"
        return self._screen.paint(text, colour, out=False)


def _without_name(hint: str, host: str) -> str:
    """The hint with a place for any host's name at its end, so that one hint serves all that share the trouble."""
    return f"{hint.removesuffix(host)}{_HERE}" if hint.endswith(f" {host}") else hint
