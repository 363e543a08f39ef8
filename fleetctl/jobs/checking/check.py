"""What can be known to be wrong with a job before anything is connected: its templates, its variables, its files.

What is wrong with the file itself is found by `reading`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import TemplateError, UndefinedError

from fleetctl.errors import JobError, Problem, TemplateFailed
from fleetctl.inventory.document import told
from fleetctl.jobs.checking.finding import Findings, Notes, Spot, spot_of, spots_of_conditions
from fleetctl.jobs.checking.foreseeing import Foresight, parsed
from fleetctl.jobs.checking.known import Known, Variables, hosts_in_short
from fleetctl.jobs.checking.local_files import wanted
from fleetctl.jobs.checking.lookups import Sure, ensured, looked_up
from fleetctl.jobs.checking.one_text import check_text
from fleetctl.jobs.checking.parsing import BadTemplateError
from fleetctl.jobs.checking.texts_of import JUDGING, Text, inside, of_action, of_modifiers
from fleetctl.jobs.language import Get, Job, Local, Set, Step, TemplateFile
from fleetctl.jobs.texts import Expression, Template
from fleetctl.model import Host

_MOST_OF_A_TEMPLATE = 1 << 20


def check_job(job: Job, hosts: Sequence[Host], extra: Mapping[str, Any]) -> Findings:
    """Look at all of a job.

    Args:
        hosts: those that it is for; they need no secrets.
        extra: variables given with -e.
    """
    notes = Notes()
    steps = (*job.steps, *job.handlers)
    sets = {name: step.name for step in reversed(steps) for name in _set_by(step)}
    registers = {step.how.register: step.name for step in reversed(steps) if step.how.register}
    known = Known(Variables(hosts), frozenset((*job.head.vars, *extra)), sets, steps_later=registers)
    _check_head(notes, job, known)
    foresight = Foresight(job, hosts, extra)
    made_here = False
    for step in steps:
        checked = _StepCheck(notes, job, step, foresight)
        checked.check(known)
        checked.check_files(made_here=made_here)
        made_here |= isinstance(step.action, Local | Get)
        known = msgspec.structs.replace(
            known, vars=known.vars | _set_by(step), steps=known.steps | {step.how.register} - {""}
        )
    _check_handlers(notes, job)
    return notes.findings([job.file, *(step.file for step in steps)])


def refuse_mistakes(job: Job, hosts: Sequence[Host], extra: Mapping[str, Any]) -> list[Problem]:
    """Returns: what is likely to go wrong. Raises: JobError when something is wrong with a job that is to be played."""
    findings = check_job(job, hosts, extra)
    if findings.problems:
        raise JobError(findings.problems)
    return findings.warnings


def _set_by(step: Step) -> frozenset[str]:
    return frozenset(step.action.values) if isinstance(step.action, Set) else frozenset()


def _check_head(notes: Notes, job: Job, known: Known) -> None:
    """Its variables are worked out when they are asked for, whatever is known by then."""
    spot = Spot(job.file)
    some_time = msgspec.structs.replace(
        known, vars=known.vars | known.later.keys(), steps=frozenset(known.steps_later), certain=lambda: False
    )
    for one in inside(("vars",), job.head.vars):
        check_text(notes, spot.at(*one.place), one.text, some_time)
    for one in (*inside(("env",), job.head.env), Text(("cwd",), job.head.cwd)):
        check_text(notes, spot.at(*one.place), one.text, known)
    for text in ("name", "targets", "policy"):
        for one in inside((text,), getattr(job.head, text), templates=False):
            check_text(notes, spot.at(*one.place), one.text, known)
    _check_circles(notes, job)


def _check_circles(notes: Notes, job: Job) -> None:
    """Variables that need each other."""
    needs = {name: set(_needed(value)) & job.head.vars.keys() for name, value in job.head.vars.items()}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        chain = error.args[1]
        circle = " → ".join(f"vars.{name}" for name in reversed(chain))
        notes.problem(Spot(job.file).at("vars", chain[0]), f"variables need each other: {circle}")


def _needed(value: Any) -> Iterator[str]:
    for one in inside((), value):
        try:
            yield from (path[1] for path in looked_up(parsed(one.text)) if path[0] == "vars" and len(path) > 1)
        except BadTemplateError:
            continue


def _check_handlers(notes: Notes, job: Job) -> None:
    notified = {name for step in (*job.steps, *job.handlers) for name in step.how.notify}
    for handler in job.handlers:
        if handler.name not in notified:
            notes.warning(spot_of(handler), f"no step notifies {handler.name!r}, so it never runs")


class _StepCheck:
    """One step, in the order in which a host asks for what it says: its loop, its conditions, and then the rest."""

    def __init__(self, notes: Notes, job: Job, step: Step, foresight: Foresight) -> None:
        self._notes = notes
        self._job = job
        self._step = step
        self._foresight = foresight
        self._spot = spot_of(step)
        self._known: Known
        self._sure: Sure = frozenset()

    def check(self, known: Known) -> None:
        how = self._step.how
        self._known = known
        self._check_loop()
        own = frozenset({"item", "index"} if how.loop is not None else ())
        self._known = msgspec.structs.replace(known, own=own)
        for spot, condition in zip(spots_of_conditions(self._step), how.when, strict=True):
            check_text(self._notes, spot, condition, self._known, self._sure)
            self._sure |= _ensured(condition)
        self._narrow()
        for text in (*self._surroundings(), *of_modifiers(how), *of_action(self._step)):
            self._take(text)
        before = self._known
        self._known = msgspec.structs.replace(before, own=own | {"result"})
        for name in JUDGING:
            if (condition := getattr(how, name)) is not None:
                self._take(Text((name,), condition))
        self._known = before

    def check_files(self, *, made_here: bool) -> None:
        """The files of this machine that it wants.

        Args:
            made_here: a step before it may make them.
        """
        for one in wanted(self._step, self._foresight):
            spot = self._spot.at(*one.place)
            if mistake := one.mistake(self._step.action):
                if not self._foresight.takers(self._step):
                    continue
                note = self._notes.warning if made_here else self._notes.problem
                note(spot, f"{mistake}, for {hosts_in_short(one.hosts)}" if one.hosts else mistake, one.text)
            elif isinstance(self._step.action, TemplateFile):
                self._check_template(spot, Path(one.path))

    def _take(self, text: Text) -> None:
        spot, before = self._spot.at(*text.place), self._notes.problems
        tree = check_text(self._notes, spot, text.text, self._known, self._sure)
        if tree is not None and self._notes.problems == before and not self._known.own:
            self._work_out(spot, text.text)

    def _work_out(self, spot: Spot, text: str) -> None:
        """On one host, if it is sure to come to it, and nothing that shows later counts."""
        host = self._sure_taker
        if host is None or not self._foresight.knows(text):
            return
        renderer = self._foresight.on(host)
        try:
            renderer.value(text) if isinstance(text, Expression) else renderer.text(text)
        except TemplateFailed as error:
            self._notes.problem(spot, f"cannot be worked out on {host.name}: {_why(error)}")

    @cached_property
    def _sure_taker(self) -> Host | None:
        if not self._foresight.knows_conditions(self._step):
            return None
        return next(iter(self._foresight.takers(self._step)), None)

    def _surroundings(self) -> Iterator[Text]:
        """Its environment and directory, but for what the head of the file says of all."""
        head, how = self._job.head, self._step.how
        own = {name: value for name, value in how.env.items() if head.env.get(name) != value}
        yield from inside(("env",), own)
        if how.cwd != head.cwd:
            yield Text(("cwd",), how.cwd)

    def _narrow(self) -> None:
        """From here on it is about the hosts that do it."""
        if self._step.how.when:
            foresight, step = self._foresight, self._step
            takers = self._known.inventory.of(lambda: foresight.takers(step))
            self._known = msgspec.structs.replace(
                self._known, inventory=takers, certain=lambda: foresight.knows_conditions(step)
            )

    def _check_loop(self) -> None:
        loop = self._step.how.loop
        if not isinstance(loop, str):
            for one in inside(("loop",), loop):
                self._take(one)
            return
        expression = Expression(loop)
        check_text(self._notes, self._spot.at("loop"), expression, self._known, self._sure)
        if self._foresight.knows(expression):
            for said, hosts in self._bad_loops(expression).items():
                everywhere = not parsed(expression).free or len(hosts) == len(self._foresight.hosts)
                where = "" if everywhere else f" on {hosts_in_short(hosts)}"
                self._notes.problem(self._spot.at("loop"), f"{said}{where}", loop)

    def _bad_loops(self, loop: Expression) -> dict[str, list[str]]:
        """What is wrong with it, with the hosts."""
        found: dict[str, list[str]] = {}
        hosts = self._foresight.hosts if parsed(loop).free else self._foresight.hosts[:1]
        for host in hosts:
            try:
                items = self._foresight.on(host).value(loop)
            except TemplateFailed as error:
                if error.__cause__ is not None and not isinstance(error.__cause__, UndefinedError):
                    found.setdefault(f"cannot be worked out: {_why(error)}", []).append(host.name)
                continue  # what it needs and is not there has been told
            if not isinstance(items, list | tuple):
                found.setdefault(f"must be a list, and {loop!s} is {told(items)}", []).append(host.name)
        return found

    def _check_template(self, spot: Spot, path: Path) -> None:
        """The template's own text, which sees what the step sees."""
        try:
            with path.open("rb") as file:
                text = file.read(_MOST_OF_A_TEMPLATE + 1).decode()
        except OSError as error:
            self._notes.problem(spot, f"{path} cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            self._notes.problem(spot, f"{path} is no text in UTF-8")
        else:
            if len(text) <= _MOST_OF_A_TEMPLATE:
                check_text(self._notes, Spot(str(path)), Template(text), self._known, self._sure)


def _why(error: TemplateFailed) -> str:
    """Without values, as a message of Python may have them."""
    cause = error.__cause__
    return error.message if cause is None else str(cause) if isinstance(cause, TemplateError) else type(cause).__name__


def _ensured(condition: Expression) -> Sure:
    try:
        return ensured(parsed(condition).tree)
    except BadTemplateError:
        return frozenset()
