"""One step on one host: whether, how often and for what it is done, and what it has come to."""

from __future__ import annotations

from typing import Any

import msgspec

from fleetctl.errors import Cancelled, DeniedError, FleetError, Stopped, TemplateFailed, UntrustedError, Withheld
from fleetctl.events import StepResult, StepStatus
from fleetctl.jobs.actions import PERFORM
from fleetctl.jobs.guards import already_done
from fleetctl.jobs.language import Step
from fleetctl.jobs.scene import Done, Heard, Scene
from fleetctl.jobs.sequence import Sequence
from fleetctl.jobs.templates import Renderer
from fleetctl.jobs.values import Values, as_value
from fleetctl.model import Elevation, Host
from fleetctl.operations import Context
from fleetctl.operations.repeat import RETRIES
from fleetctl.ssh.reach import Reach

_FINAL = (Cancelled, DeniedError, UntrustedError, Withheld, Stopped, TemplateFailed)
"""Another try would end likewise, or must not be made."""


class Played(msgspec.Struct, frozen=True):
    """How a step ended.

    Args:
        error: what was raised, where that has not been overruled.
        set: variables that it sets.
    """

    status: StepStatus
    result: StepResult = StepResult()
    why: str = ""
    error: FleetError | None = None
    signalled: bool = False
    set: dict[str, Any] = {}


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
        try:
            if step.how.loop is None:
                return self._on_condition(step, renderer)
            items = self._items(step, renderer)
        except (Cancelled, Stopped):
            raise
        except FleetError as error:
            return self._failed(step, error)
        return self._for_each(step, renderer, items)

    def _items(self, step: Step, renderer: Renderer) -> list[Any]:
        items = renderer.value(step.how.loop) if isinstance(step.how.loop, str) else renderer.everywhere(step.how.loop)
        if not isinstance(items, list | tuple):
            raise TemplateFailed(f"loop wants a list, and {step.how.loop} is {type(items).__name__}")
        return list(items)

    def _for_each(self, step: Step, renderer: Renderer, items: list[Any]) -> Played:
        """One after the other; the first that fails is the last."""
        played: list[Played] = []
        for index, item in enumerate(items, 1):
            try:
                one = self._on_condition(step, renderer.with_values(item=item, index=index))
            except (Cancelled, Stopped):
                raise
            except FleetError as error:
                one = self._failed(step, error)
            played.append(msgspec.structs.replace(one, result=msgspec.structs.replace(one.result, item=item)))
            if one.status is StepStatus.FAILED:
                break
        return _together(played)

    def _on_condition(self, step: Step, renderer: Renderer) -> Played:
        for expression in step.how.when:
            if not renderer.holds(expression):
                return _skipped(f"when: {expression}")
        scene = self._scene(step, renderer)
        if why := already_done(scene):
            return _skipped(why)
        return self._tries(scene)

    def _tries(self, scene: Scene) -> Played:
        """Until it is what is wanted, or enough."""
        how = scene.step.how
        retries = how.retries or (RETRIES if how.until is not None else 0)
        for left in range(retries, -1, -1):
            try:
                played, wanted = self._try(scene)
            except FleetError as error:
                if isinstance(error, _FINAL) or not left:
                    raise
            else:
                if wanted or not left:
                    return played
            self._context.cancel.wait(how.delay)
        raise AssertionError("the last try returns or raises")

    def _try(self, scene: Scene) -> tuple[Played, bool]:
        """Returns: how one try went, and whether it is what is wanted."""
        heard = Heard(scene.context.emit)
        action = scene.step.action
        listening = msgspec.structs.replace(scene, context=msgspec.structs.replace(scene.context, emit=heard.emit))
        done = Done() if action is None else PERFORM[type(action)](action, listening)
        result = StepResult(
            exit=done.exit_code, stdout=heard.text("stdout"), stderr=heard.text("stderr"), changed=done.changed,
            failed=done.failed, truncated=heard.truncated,
        )  # fmt: skip
        return self._judged(scene, done, result)

    def _judged(self, scene: Scene, done: Done, result: StepResult) -> tuple[Played, bool]:
        """What the step's own conditions make of it."""
        how = scene.step.how
        renderer = scene.renderer.with_values(result=as_value(result))
        wanted = how.until is None or renderer.holds(how.until)
        failed = not wanted if how.until is not None else result.failed
        failed = renderer.holds(how.failed_when) if how.failed_when is not None else failed
        changed = renderer.holds(how.changed_when) if how.changed_when is not None else result.changed
        changed = changed and not failed
        result = msgspec.structs.replace(result, failed=failed, changed=changed)
        why = done.why
        if failed and not result.exit and not why:
            why = f"until: {how.until}" if not wanted else f"failed_when: {how.failed_when}"
        status = self._status(scene.step, failed=failed, changed=changed)
        return Played(status, result, why, signalled=done.signalled, set=done.set), wanted and not failed

    def _failed(self, step: Step, error: FleetError) -> Played:
        return Played(self._status(step, failed=True, changed=False), StepResult(failed=True), error=error)

    @staticmethod
    def _status(step: Step, *, failed: bool, changed: bool) -> StepStatus:
        if failed:
            return StepStatus.IGNORED if step.how.ignore_errors else StepStatus.FAILED
        return StepStatus.CHANGED if changed else StepStatus.OK

    def _scene(self, step: Step, renderer: Renderer) -> Scene:
        host = self._context.host
        changed = msgspec.structs.replace(host, elevation=_rights(step, host))
        return Scene(
            self._sequence,
            step,
            msgspec.structs.replace(self._context, host=changed),
            self._reach,
            renderer,
            renderer.text(step.how.cwd),
            {name: renderer.text(value) for name, value in step.how.env.items()},
            step.how.timeout,
        )


def _rights(step: Step, host: Host) -> Elevation | None:
    """With whose rights a step is done; None for those of the login."""
    sudo = step.how.sudo
    if sudo is None:
        return host.elevation
    if sudo is False:
        return None
    rights = host.elevation or host.rights or Elevation()
    return rights if sudo is True else msgspec.structs.replace(rights, user=sudo)


def _skipped(why: str) -> Played:
    return Played(StepStatus.SKIPPED, StepResult(skipped=True), why)


def _together(played: list[Played]) -> Played:
    """A loop as one: it has failed when one has, and changed something when one has."""
    statuses = {one.status for one in played}
    order = (StepStatus.FAILED, StepStatus.IGNORED, StepStatus.CHANGED, StepStatus.OK)
    status = next((status for status in order if status in statuses), StepStatus.SKIPPED)
    last = next((one for one in played if one.status is status), _skipped("nothing to do: the loop is empty"))
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
    return msgspec.structs.replace(last, status=status, result=result, set=set_by_all)
