"""One step on one host: whether, how often and for what it is done, and what it has come to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec

from fleetctl.errors import (
    Cancelled,
    DeniedError,
    Fault,
    FleetError,
    Stopped,
    TemplateFailed,
    TimedOut,
    UntrustedError,
    Withheld,
)
from fleetctl.events import ErrorFacts, Outcome, Status, StepResult, StepStatus
from fleetctl.jobs.actions import PERFORM
from fleetctl.jobs.guards import already_done
from fleetctl.jobs.language import Modifiers, Step
from fleetctl.jobs.scene import Done, Heard, Scene
from fleetctl.jobs.sequence import Sequence
from fleetctl.jobs.templates import Renderer
from fleetctl.jobs.values import Values, as_value
from fleetctl.model import Elevation, Host
from fleetctl.operations import Context
from fleetctl.operations.repeat import RETRIES
from fleetctl.ssh.reach import Reach
from fleetctl.statuses import facts_of, status_of

_FINAL = (Cancelled, DeniedError, UntrustedError, Withheld, Stopped, TemplateFailed)
"""Another try would end likewise, or must not be made."""
MOST_OF_A_LOOP = 2 * 1024 * 1024
"""Characters of output that templates see of all items together; of an item that does not fit, nothing."""
_log = logging.getLogger("fleetctl.jobs")


class Played(msgspec.Struct, frozen=True):
    """How a step ended.

    Args:
        failure: how the host's part ends, if it does so with this step; it stands here also where that is ignored.
        set: variables that it sets.
        for_this_host: False where its `when` says that it is not.
    """

    status: StepStatus
    result: StepResult = StepResult()
    why: str = ""
    failure: Outcome | None = None
    set: dict[str, Any] = {}
    for_this_host: bool = True


class Player:
    """Plays steps on one host, for one thread."""

    def __init__(self, sequence: Sequence, reach: Reach, context: Context, values: Values) -> None:
        self._sequence = sequence
        self._reach = reach
        self._context = context
        self._values = values

    def play(self, step: Step) -> Played:
        """Raises: Cancelled, Stopped. Other failures are in what is returned."""
        renderer = self._values.renderer(f"{step.file}:{step.line}")
        if step.how.loop is None:
            return self._safely(step, lambda: self._on_condition(step, renderer))
        return self._safely(step, lambda: self._for_each(step, renderer, self._items(step, renderer)))

    def declined(self, step: Step) -> Played | None:
        """How it ends where its `when` says that it is not for this host, or cannot be worked out; else None.

        In a loop that is asked for each item, when the step is played.
        """
        if step.how.loop is not None:
            return None
        try:
            return _declined(step, self._values.renderer(f"{step.file}:{step.line}"))
        except FleetError as error:
            return self.failed(step, error)

    def failed(self, step: Step, error: FleetError) -> Played:
        """A step that could not be done."""
        failure = ending(error)
        if isinstance(error, TimedOut) and error.killed is not None and failure.error is not None:
            facts = msgspec.structs.replace(failure.error, hint="`timeout` of the step gives it longer")
            failure = msgspec.structs.replace(failure, error=facts)
        return Played(self._failing(step), StepResult(failed=True), failure=failure)

    def _safely(self, step: Step, play: Callable[[], Played]) -> Played:
        try:
            return play()
        except (Cancelled, Stopped):
            raise
        except FleetError as error:
            return self.failed(step, error)
        except Exception as error:  # noqa: BLE001 - a mistake of ours is the end of this host, and of no other
            _log.debug("%s: %s", self._context.host.name, step.name, exc_info=error)
            return self.failed(step, Fault(error))

    def _items(self, step: Step, renderer: Renderer) -> list[Any]:
        items = renderer.value(step.how.loop) if isinstance(step.how.loop, str) else renderer.everywhere(step.how.loop)
        if not isinstance(items, list | tuple):
            raise TemplateFailed(f"loop wants a list, and {step.how.loop} is {type(items).__name__}")
        return list(items)

    def _for_each(self, step: Step, renderer: Renderer, items: list[Any]) -> Played:
        """One after the other; the first that fails is the last."""
        played: list[Played] = []
        room = MOST_OF_A_LOOP
        for index, item in enumerate(items, 1):
            with_item = renderer.with_values(item=item, index=index)
            one = self._safely(step, lambda: self._on_condition(step, with_item))  # noqa: B023 - called at once
            result, room = _kept(one.result, room)
            played.append(msgspec.structs.replace(one, result=msgspec.structs.replace(result, item=item)))
            if one.status is StepStatus.FAILED:
                break
        return _together(played)

    def _on_condition(self, step: Step, renderer: Renderer) -> Played:
        declined = _declined(step, renderer)
        if declined is not None:
            return declined
        scene = self._scene(step, renderer)
        if why := already_done(scene):
            return Played(StepStatus.SKIPPED, StepResult(skipped=True), why)
        return self._tries(scene)

    def _tries(self, scene: Scene) -> Played:
        """Until it is what is wanted, or enough."""
        how = scene.step.how
        retries = how.retries or (RETRIES if how.until is not None else 0)
        for left in range(retries, -1, -1):
            try:
                played = self._try(scene)
            except FleetError as error:
                if isinstance(error, _FINAL) or not left:
                    raise
            else:
                if not played.result.failed or not left:
                    return played
            self._context.cancel.wait(how.delay)
        raise AssertionError("the last try returns or raises")

    def _try(self, scene: Scene) -> Played:
        how = scene.step.how
        heard = Heard(scene.context.emit)
        if how.register or _has_conditions(how):  # else nobody asks what it said
            scene = msgspec.structs.replace(scene, context=msgspec.structs.replace(scene.context, emit=heard.emit))
        action = scene.step.action
        done = Done() if action is None else PERFORM[type(action)](action, scene)
        result = StepResult(
            exit=done.exit_code,
            stdout=heard.text("stdout"),
            stderr=heard.text("stderr"),
            changed=done.changed,
            failed=done.failed,
            truncated=heard.truncated,
        )
        return self._judged(scene, done, result)

    def _judged(self, scene: Scene, done: Done, result: StepResult) -> Played:
        """What the step's own conditions make of it."""
        error = done.error
        if _has_conditions(scene.step.how):
            result, error = _on_its_terms(scene, result, error)
        if not result.failed:
            status = StepStatus.CHANGED if result.changed else StepStatus.OK
            return Played(status, result, done.why, set=done.set)
        result = msgspec.structs.replace(result, changed=False)
        failure = Outcome(Status.FAILED, exit_code=result.exit, signalled=done.signalled, error=error)
        return Played(self._failing(scene.step), result, done.why, failure, done.set)

    def _failing(self, step: Step) -> StepStatus:
        """Nothing makes a host that cannot be reached one on which all is well."""
        return StepStatus.IGNORED if step.how.ignore_errors and not self._reach.gone else StepStatus.FAILED

    def _scene(self, step: Step, renderer: Renderer) -> Scene:
        host = self._context.host
        rights = _rights(step, host)
        context = self._context
        if rights is not host.elevation:
            context = msgspec.structs.replace(context, host=msgspec.structs.replace(host, elevation=rights))
        return Scene(
            self._sequence,
            step,
            context,
            self._reach,
            renderer,
            renderer.text(step.how.cwd),
            {name: renderer.text(value) for name, value in step.how.env.items()},
            step.how.timeout,
        )


def ending(error: FleetError) -> Outcome:
    """How a host's part ends with an error."""
    killed = error.killed is True
    return Outcome(status_of(error), error=facts_of(error), killed=killed, totals=error.totals)


def _declined(step: Step, renderer: Renderer) -> Played | None:
    for expression in step.how.when:
        if not renderer.holds(expression):
            return Played(StepStatus.SKIPPED, StepResult(skipped=True), f"when: {expression}", for_this_host=False)
    return None


def _has_conditions(how: Modifiers) -> bool:
    return not (how.until is None and how.failed_when is None and how.changed_when is None)


def _on_its_terms(scene: Scene, result: StepResult, error: ErrorFacts | None) -> tuple[StepResult, ErrorFacts | None]:
    """What a try came to, and why it has failed, when the step's conditions are asked."""
    how = scene.step.how
    renderer = scene.renderer.with_values(result=as_value(result))
    failed, changed = result.failed, result.changed
    if how.failed_when is not None:
        failed = renderer.holds(how.failed_when)
        error = ErrorFacts("step-failed", f"failed_when: {how.failed_when}") if failed else None
    if how.until is not None and not (failed and how.failed_when is not None):
        failed = not renderer.holds(how.until)
        error = ErrorFacts("condition-unmet", f"until: {how.until}", hint="see what it says there") if failed else None
    if how.changed_when is not None:
        changed = renderer.holds(how.changed_when)
    return msgspec.structs.replace(result, failed=failed, changed=changed), error


def _rights(step: Step, host: Host) -> Elevation | None:
    """With whose rights a step is done; None for those of the login."""
    sudo = step.how.sudo
    if sudo is None:
        return host.elevation
    if sudo is False:
        return None
    rights = host.elevation or host.rights or Elevation()
    return rights if sudo is True else msgspec.structs.replace(rights, user=sudo)


def _kept(result: StepResult, room: int) -> tuple[StepResult, int]:
    """One result of a loop, and the room that is left for the others."""
    size = len(result.stdout) + len(result.stderr)
    if size <= room:
        return result, room - size
    return msgspec.structs.replace(result, stdout="", stderr="", truncated=True), room


_NOTHING = Played(StepStatus.SKIPPED, StepResult(skipped=True), "the loop is empty")


def _together(played: list[Played]) -> Played:
    """A loop as one: it has failed when one has, and changed something when one has."""
    statuses = {one.status for one in played}
    order = (StepStatus.FAILED, StepStatus.IGNORED, StepStatus.CHANGED, StepStatus.OK)
    status = next((status for status in order if status in statuses), StepStatus.SKIPPED)
    last = next((one for one in played if one.status is status), _NOTHING)
    result = StepResult(
        exit=last.result.exit,
        stdout=last.result.stdout,
        stderr=last.result.stderr,
        changed=any(one.result.changed for one in played),
        skipped=status is StepStatus.SKIPPED,
        failed=status in {StepStatus.FAILED, StepStatus.IGNORED},
        results=tuple(one.result for one in played),
    )
    set_by_all = {name: value for one in played for name, value in one.set.items()}
    for_this_host = not played or any(one.for_this_host for one in played)
    return msgspec.structs.replace(last, result=result, set=set_by_all, for_this_host=for_this_host)
