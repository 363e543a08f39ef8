"""What a job would do on a host, worked out without connecting, as far as it can be known.

What hangs on facts, on results of steps or on the host itself stands in a plan as it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from fleetctl.durations import spelled
from fleetctl.errors import TemplateFailed
from fleetctl.jobs.checking.foreseeing import Foresight
from fleetctl.jobs.language import (
    Action,
    Assert,
    Get,
    Job,
    Local,
    Modifiers,
    Pause,
    Put,
    Reboot,
    Run,
    Script,
    Set,
    Step,
    TemplateFile,
    Told,
    WaitFor,
)
from fleetctl.jobs.sequence import Sequence as Played
from fleetctl.jobs.sequence import asks
from fleetctl.jobs.templates import environment
from fleetctl.jobs.texts import Template
from fleetctl.jobs.waiting import wanted
from fleetctl.model import Host

_MOST_ITEMS = 10


class Planned(msgspec.Struct, frozen=True):
    """One step on one host.

    Args:
        lines: what it would do.
        skipped: why it would not, or "".
    """

    step: Step
    number: int
    lines: tuple[str, ...] = ()
    skipped: str = ""


class Planner:
    """Plans a job for hosts; for one thread."""

    def __init__(self, played: Played, hosts: Sequence[Host]) -> None:
        self._job = played.job
        self._foresight = Foresight(played.job, hosts, played.extra)
        self._asked_by = _asked_by(played.job)
        self._points = played.points

    def steps(self, host: Host) -> Iterator[Planned]:
        """All steps and then all handlers, in order; those that a host has behind it are left out."""
        point = self._points.get(host.name)
        for number, step in enumerate((*self._job.steps, *self._job.handlers), 1):
            if point is None or step.name not in point.done:
                yield self._planned(step, number, host)

    def _planned(self, step: Step, number: int, host: Host) -> Planned:
        loop = step.how.loop
        if loop is None:
            lines, skipped = self._once(step, host, {})
        else:
            lines, skipped = self._for_each(step, host)
        if skipped:
            return Planned(step, number, skipped=skipped)
        return Planned(step, number, (*self._marks(step, host), *lines))

    def _for_each(self, step: Step, host: Host) -> tuple[list[str], str]:
        items = self._foresight.items(step, host)
        if items is None:
            lines, skipped = self._once(step, host, {})
            return [f"for each item of {step.how.loop}", *lines], skipped
        if not items:
            return [], "the loop is empty"
        found: list[str] = []
        why: list[str] = []
        for index, item in enumerate(items, 1):
            lines, skipped = self._once(step, host, {"item": item, "index": index})
            found += lines
            why += [skipped] if skipped else []
        if len(why) == len(items):
            return [], why[0]
        more = len(found) - _MOST_ITEMS
        return found if more <= 1 else [*found[:_MOST_ITEMS], f"… and {more} more of the loop"], ""

    def _once(self, step: Step, host: Host, own: Mapping[str, Any]) -> tuple[list[str], str]:
        """What it does, or why it does not."""
        text = _Text(self._foresight, host, own)
        open_conditions: list[str] = []
        for condition in step.how.when:
            holds = text.holds(condition)
            if holds is False:
                return [], f"when: {condition}"
            open_conditions += [] if holds else [str(condition)]
        if step.action is None:
            return [], ""
        first, *more = _WORDS[type(step.action)](step.action, text).rstrip().split("\n")
        if more:
            key, _, line = first.partition(": ")
            first, more = f"{key}:", [f"  {one}" for one in (line, *more)]
        conditions = ", ".join((*(f"if {one}" for one in open_conditions), *_guards(step.how, text)))
        return [f"{first}   ({conditions})" if conditions else first, *more], ""

    def _marks(self, step: Step, host: Host) -> list[str]:
        """What else is to be known of how it is done."""
        how = step.how
        meets = "all hosts of the batch meet here first" if step.action is not None else "all hosts of the batch meet"
        asking = self._asked_by.get(step.name, ())
        told = [
            meets if how.barrier or asks(step) else "",
            "one host does it for the batch" if how.once else "",
            "" if isinstance(step.action, _WITHOUT_RIGHTS) else _rights(step, host),
            f"in {how.cwd}" if how.cwd else "",
            "also after a failure" if how.always else "",
            f"up to {how.retries} more tries" if how.retries else "",
            f"until {how.until}" if how.until is not None else "",
            "its failure does not matter" if how.ignore_errors else "",
            f"notifies {', '.join(how.notify)}" if how.notify else "",
            f"if notified by {', '.join(asking)}" if asking else "",
        ]
        line = ", ".join(filter(None, told))
        return [f"({line})"] if line else []


class _Text:
    """Works templates out on one host, or leaves them as they are written."""

    def __init__(self, foresight: Foresight, host: Host, own: Mapping[str, Any]) -> None:
        self._foresight = foresight
        self._own = own
        self._renderer = foresight.on(host).with_values(**own)

    def of(self, template: str) -> str:
        """As far as it is known."""
        whole = self._known(Template(template))
        if whole is not None or "{%" in template:
            return template if whole is None else whole
        return "".join(self._piece(piece) for piece in _pieces(template))

    def holds(self, condition: str) -> bool | None:
        """None where that is not known."""
        if not self._foresight.knows(condition, self._own):
            return None
        try:
            return bool(self._renderer.value(condition))
        except TemplateFailed:
            return None

    def _piece(self, piece: str) -> str:
        found = self._known(Template(piece))
        return piece if found is None else found

    def _known(self, template: Template) -> str | None:
        if not self._foresight.knows(template, self._own):
            return None
        try:
            return self._renderer.text(template)
        except TemplateFailed:
            return None


def _pieces(template: str) -> Iterator[str]:
    """The `{{ … }}` of a template, and what is between them."""
    piece = ""
    for _, kind, word in environment().lex(template):
        if kind == "variable_begin":
            yield piece
            piece = ""
        piece += word
        if kind == "variable_end":
            yield piece
            piece = ""
    yield piece


def _asked_by(job: Job) -> dict[str, list[str]]:
    """The steps that notify each handler."""
    asked: dict[str, list[str]] = {handler.name: [] for handler in job.handlers}
    for step in (*job.steps, *job.handlers):
        for name in step.how.notify:
            asked.setdefault(name, []).append(step.name)
    return asked


_WITHOUT_RIGHTS = Local | Set | Assert | Pause
"""They are not done on the host."""


def _rights(step: Step, host: Host) -> str:
    sudo = step.how.sudo
    if sudo is None:
        return f"as {host.elevation.user}" if host.elevation is not None else ""
    if sudo is False:
        return f"as {host.login.user}" if host.elevation is not None else ""
    usual = host.elevation or host.rights
    return f"as {sudo}" if isinstance(sudo, str) else f"as {usual.user if usual is not None else 'root'}"


def _guards(how: Modifiers, text: _Text) -> Iterator[str]:
    if how.creates is not None:
        yield f"unless {text.of(how.creates)} is there"
    if how.unless is not None:
        yield f"unless this succeeds: {text.of(how.unless)}"


def _set(action: Set, text: _Text) -> str:
    shown = {name: text.of(value) if isinstance(value, str) else value for name, value in action.values.items()}
    return f"set: {', '.join(f'{name} = {value}' for name, value in shown.items())}"


_WORDS: dict[type[Action], Callable[[Any, _Text], str]] = {
    Run: lambda action, text: f"run: {text.of(action.line)}",
    Local: lambda action, text: f"local: {text.of(action.line)}",
    Script: lambda action, text: " ".join(["script:", text.of(action.file), *map(text.of, action.args)]),
    Put: lambda action, text: f"put: {' '.join(map(text.of, action.src))} → {text.of(action.dest)}",
    TemplateFile: lambda action, text: f"template: {text.of(action.src)} → {text.of(action.dest)}",
    Get: lambda action, text: f"get: {' '.join(map(text.of, action.src))} → {text.of(action.dest)}, here",
    WaitFor: lambda action, text: f"wait_for: {wanted(action, text.of)}, within {spelled(action.within)}",
    Reboot: lambda action, text: "reboot" if action.command is None else f"reboot: {text.of(action.command)}",
    Pause: lambda action, _: f"pause: ask {action.ask!r}" if action.ask else f"pause: {spelled(action.seconds)}",
    Assert: lambda action, _: f"assert: {' and '.join(action.that)}",
    Set: _set,
    Told: lambda action, text: _WORDS[type(action.action)](action.action, text),
}
"""What an action does, in the words of the job file."""
