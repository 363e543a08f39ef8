"""What an action of a step works with on one host, and what it comes to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from fleetctl.cancel import Cancel
from fleetctl.errors import StepFailed
from fleetctl.events import ErrorFacts, Outcome, Status, Stream
from fleetctl.jobs.language import Step
from fleetctl.jobs.sequence import Sequence
from fleetctl.jobs.templates import Renderer
from fleetctl.jobs.texts import beside
from fleetctl.operations import Context, Emit
from fleetctl.operations.command import surrounded
from fleetctl.operations.stdin import Following
from fleetctl.ssh.any_session import AnySession
from fleetctl.ssh.reach import Reach
from fleetctl.transfer.names import is_contents

MOST_KEPT = 256 * 1024
"""Bytes of each stream that templates see: the first ones."""


class Done(msgspec.Struct, frozen=True):
    """What one try of an action came to; where it could not be done at all it raises one of our errors.

    Args:
        exit_code: of what it ran, if it ran something and that had one.
        failed: it did not come to what it should.
        changed: it changed something, as far as the action can tell.
        signalled: what it ran was ended by a signal.
        error: why it has failed, where there is more to say than the exit code.
        why: what else there is to say.
        set: variables of the host to set.
    """

    exit_code: int | None = None
    failed: bool = False
    changed: bool = False
    signalled: bool = False
    error: ErrorFacts | None = None
    why: str = ""
    set: dict[str, Any] = {}

    @classmethod
    def of(cls, outcome: Outcome) -> Done:
        """What ran has ended so; it may have changed anything."""
        failed = outcome.status is not Status.OK
        return cls(outcome.exit_code, failed=failed, changed=True, signalled=outcome.signalled, error=outcome.error)


class Scene(msgspec.Struct, frozen=True):
    """For one try of one step. `context.host.elevation` says with whose rights, `context.emit` takes output.

    Args:
        renderer: works out templates, with `item` and `index` in a loop.
        cwd, env, timeout: those of the step, worked out.
    """

    sequence: Sequence
    step: Step
    context: Context
    reach: Reach
    renderer: Renderer
    cwd: str = ""
    env: dict[str, str] = {}
    timeout: float | None = None

    @property
    def cancel(self) -> Cancel:
        return self.context.cancel

    @contextmanager
    def session(self) -> Iterator[AnySession]:
        """The host's session with the rights of the step. Raises: as `Reach.session`."""
        with self.reach.session(self.context.host.elevation) as session:
            yield session

    def reading(self, stdin: str | None) -> Context:
        """The context of something that reads this text, worked out; or nothing."""
        text = None if stdin is None else self.renderer.data(stdin)
        given = None if text is None else Following(os.fsencode(text))
        return msgspec.structs.replace(self.context, stdin=given)

    def in_place(self, line: str) -> str:
        """A command line with the directory and the environment of the step. Its rights are those of `session`."""
        host = self.context.host
        shell = '"$SHELL"' if host.elevation is None else "/bin/sh"
        return surrounded(line, {**host.env, **self.env}, self.cwd, shell)

    def given(self, template: str | None) -> str:
        """Text, worked out; "" where there is none."""
        return "" if template is None else self.renderer.text(template)

    def place(self, path: str) -> str:
        """A path on the host, worked out. Raises: StepFailed when nothing is left of it; TemplateFailed."""
        text = self.renderer.text(path)
        if not text.strip():
            raise StepFailed(f"{path!r} comes to no path", hint="is a variable empty?")
        return text

    def local(self, path: str) -> str:
        """A path here, worked out; a relative one is beside the file that the step stands in.

        What stands for the contents of a directory, as `site/`, still does.
        """
        text = self.renderer.text(path)
        found = beside(self.step.file, text)
        return f"{found}/" if is_contents(text) else str(found)


class Heard:
    """Output on its way, of which the beginning is kept for templates."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._kept: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self.truncated = False

    def emit(self, stream: Stream, data: bytes) -> None:
        kept = self._kept[stream]
        room = MOST_KEPT - len(kept)
        kept += data[:room]
        self.truncated |= len(data) > room
        self._emit(stream, data)

    def text(self, stream: Stream) -> str:
        """Without the line ends at its end, as `$(…)` of a shell has it."""
        return self._kept[stream].decode(errors="replace").rstrip("\n")
