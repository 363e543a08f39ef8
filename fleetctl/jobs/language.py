"""The language of job files, as types. Validation, the JSON schema and the reference in the docs are made from them.

A step has one action, which is the key of its name, and any of the modifiers.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from fleetctl.jobs.texts import Expression, Line, LocalPath, Mode, PauseText, Seconds, Shares, ShareText, Template

Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]


class _Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all actions have in common.

    Its `short` is the field that the value is for, where the action is written without a mapping; "" where it must
    be one.
    """

    short: ClassVar[str] = ""


class Run(_Action, frozen=True, tag="run"):
    """Run a command line in the login shell of the user, or with `sudo` in /bin/sh."""

    short: ClassVar[str] = "line"

    line: Annotated[Line, Meta(description="The command line.")]
    stdin: Annotated[Template | None, Meta(description="What it reads; nothing without.")] = None
    pty: Annotated[bool, Meta(description="Run it on a terminal, which joins stderr to stdout.")] = False


class Script(_Action, frozen=True, tag="script"):
    """Run a script of this machine on the host, with the interpreter of its first line; nothing of it is left there."""

    short: ClassVar[str] = "file"

    file: Annotated[LocalPath, Meta(description="The script.")]
    args: Annotated[tuple[Template, ...], Meta(description="Its arguments, quoted for you.")] = ()
    interpreter: Annotated[str, Meta(description="What runs it, in place of its first line.")] = ""
    stdin: Annotated[Template | None, Meta(description="What it reads; nothing without.")] = None


class Put(_Action, frozen=True, tag="put"):
    """Send files and directories; what has the same content there already is left alone."""

    src: Annotated[
        tuple[LocalPath, ...], Meta(description="What to send: paths and patterns, one or a list.", min_length=1)
    ]
    dest: Annotated[Template, Meta(description="Where to, on the host.")]
    mode: Annotated[Mode | None, Meta(description="Permission bits of the files.")] = None
    owner: Annotated[Template | None, Meta(description="`user`, `user:group` or `:group`; needs root.")] = None
    delete: Annotated[bool, Meta(description="Remove there what the directory here does not have.")] = False
    exclude: Annotated[tuple[str, ...], Meta(description="Patterns of what is left out.")] = ()
    backup: Annotated[bool, Meta(description="Keep what is replaced, as `name~`.")] = False
    mkdir: Annotated[bool, Meta(description="Make the directories that are missing above.")] = False


class Get(_Action, frozen=True, tag="get"):
    """Fetch files and directories, into a directory of each host."""

    src: Annotated[
        tuple[Template, ...], Meta(description="What to fetch: paths and patterns, one or a list.", min_length=1)
    ]
    dest: Annotated[LocalPath, Meta(description="The directory here.")]
    layout: Annotated[str, Meta(description="What a source becomes in it.")] = "{host}/{name}"
    exclude: Annotated[tuple[str, ...], Meta(description="Patterns of what is left out.")] = ()


class TemplateFile(_Action, frozen=True, tag="template"):
    """Render a Jinja2 template of this machine and put the result in place, whole or not at all."""

    src: Annotated[LocalPath, Meta(description="The template.")]
    dest: Annotated[Template, Meta(description="The file on the host.")]
    mode: Annotated[Mode | None, Meta(description="Its permission bits; those that it has, or 0644.")] = None
    owner: Annotated[Template | None, Meta(description="`user`, `user:group` or `:group`; needs root.")] = None
    backup: Annotated[bool, Meta(description="Keep what is replaced, as `name~`.")] = False
    mkdir: Annotated[bool, Meta(description="Make the directories that are missing above.")] = False


class WaitFor(_Action, frozen=True, tag="wait_for"):
    """Wait until something holds on the host: one of port, file, command and url."""

    port: Annotated[Template | None, Meta(description="Something listens there, as seen from the host.")] = None
    address: Annotated[Template, Meta(description="Of the port.")] = Template("127.0.0.1")
    file: Annotated[Template | None, Meta(description="The file is there.")] = None
    command: Annotated[Line | None, Meta(description="It ends with exit code 0.")] = None
    url: Annotated[Template | None, Meta(description="It answers with 2xx, to curl or wget of the host.")] = None
    gone: Annotated[bool, Meta(description="Wait until it does not hold any more.")] = False
    every: Annotated[Seconds, Meta(description="How long between two looks.")] = Seconds(2.0)
    within: Annotated[Seconds, Meta(description="After so long the step fails.")] = Seconds(300.0)


class Reboot(_Action, frozen=True, tag="reboot"):
    """Restart the host, and go on when it is back: its boot id has changed."""

    short: ClassVar[str] = "command"

    command: Annotated[Line | None, Meta(description="What restarts it; else systemctl, shutdown or reboot.")] = None
    within: Annotated[Seconds, Meta(description="After so long the step fails.")] = Seconds(600.0)


class Local(_Action, frozen=True, tag="local"):
    """Run a command line here, beside the job file, for each host; with `once` for the batch."""

    short: ClassVar[str] = "line"

    line: Annotated[Line, Meta(description="The command line.")]
    stdin: Annotated[Template | None, Meta(description="What it reads; nothing without.")] = None


class Pause(_Action, frozen=True, tag="pause"):
    """Wait for some time, or until somebody at the terminal agrees: asked once, when all of the batch are here."""

    short: ClassVar[str] = "seconds"

    seconds: Annotated[Seconds | None, Meta(description="How long.")] = None
    ask: Annotated[str, Meta(description="The question.")] = ""


class Assert(_Action, frozen=True, tag="assert"):
    """Fail unless all of this is true."""

    short: ClassVar[str] = "that"

    that: Annotated[tuple[Expression, ...], Meta(description="Expressions, one or a list.", min_length=1)]
    message: Annotated[Template | None, Meta(description="What is said when it fails.")] = None


class Set(_Action, frozen=True, tag="set"):
    """Set variables of this host, for the steps that follow.

    Written as a mapping of names to values. A value that is `{{ … }}` alone keeps its type.
    """

    short: ClassVar[str] = "values"

    values: Annotated[dict[str, Any], Meta(description="Names and their values; text in them is a template.")]


class Include(_Action, frozen=True, tag="include"):
    """The steps of another file, in this place; it is a list of steps."""

    short: ClassVar[str] = "file"

    file: Annotated[str, Meta(description="Its path, beside this file if it is relative.")]


class Told(_Action, frozen=True, tag="told"):
    """In a rehearsal: what would be done is told, and not done. Nobody can write it."""

    action: Run | Script | Get | WaitFor | Reboot | Local
    answer: str = ""


Action = Run | Script | Put | Get | TemplateFile | WaitFor | Reboot | Local | Pause | Assert | Set | Told
"""What a step does when a job is played; an include is its steps by then."""

ACTIONS: dict[str, type[_Action]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (Run, Script, Put, Get, TemplateFile, WaitFor, Reboot, Local, Pause, Assert, Set, Include)
}
"""By the key that they are written with."""


class Modifiers(msgspec.Struct, frozen=True, kw_only=True):
    """What any step may say besides its action."""

    name: Annotated[str, Meta(description="What it is called: in all output, by --start-at and by `notify`.")] = ""
    when: Annotated[
        tuple[Expression, ...], Meta(description="Skip it unless this is true: an expression, or a list of them.")
    ] = ()
    register: Annotated[
        str, Meta(description="Keep its result as `steps.NAME`.", pattern="^([A-Za-z_][A-Za-z0-9_]*)?$")
    ] = ""
    sudo: Annotated[
        bool | str | None,
        Meta(description="true: as root; a user's name: as that user; false: with the rights of the login."),
    ] = None
    env: Annotated[dict[str, Template], Meta(description="Variables of its environment.")] = {}
    cwd: Annotated[Template, Meta(description="The directory that it runs in.")] = Template("")
    timeout: Annotated[Seconds | None, Meta(description="How long one try may take; then it is ended.")] = None
    retries: Annotated[Count, Meta(description="How many more tries, when it fails.")] = 0
    until: Annotated[
        Expression | None, Meta(description="Try again until this is true; `result` is what the try came to.")
    ] = None
    delay: Annotated[Seconds, Meta(description="How long between tries.")] = Seconds(5.0)
    ignore_errors: Annotated[bool, Meta(description="Go on when it fails.")] = False
    changed_when: Annotated[
        Expression | None, Meta(description="Whether it has changed something; `result` is what it came to.")
    ] = None
    failed_when: Annotated[Expression | None, Meta(description="Whether it has failed, in place of exit code ≠ 0.")] = (
        None
    )
    creates: Annotated[Template | None, Meta(description="Skip it when this path is there on the host.")] = None
    unless: Annotated[Line | None, Meta(description="Skip it when this command ends with exit code 0.")] = None
    notify: Annotated[tuple[str, ...], Meta(description="Handlers that run at the end if it changed something.")] = ()
    once: Annotated[bool, Meta(description="One host does it for all of the batch; the others wait for it.")] = False
    barrier: Annotated[bool, Meta(description="All hosts of the batch meet here before it begins.")] = False
    tags: Annotated[tuple[str, ...], Meta(description="For --tags and --skip-tags.")] = ()
    always: Annotated[bool, Meta(description="Do it also after a failure: to clean up.")] = False
    loop: Annotated[
        Any,
        Meta(description="Do it for each `item` of a list, or of what an expression comes to; `index` counts from 1."),
    ] = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step, ready to be played.

    Args:
        name: as it is shown; no other step of the job has it.
        action: None where a step is nothing but a barrier.
        file: the file that it stands in.
        line: its 1-based line there.
        path: the keys that lead to it there: `steps[3]`, or `[3]` in a file that is included.
        inherited: where the first of its conditions stand, if those are of includes: file, line and path of each.
    """

    name: str
    action: Action | None
    how: Modifiers = Modifiers()
    file: str = ""
    line: int = 0
    path: str = ""
    inherited: tuple[tuple[str, int, str], ...] = ()


class Manner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a job goes through its hosts; `policy` in the file. What is typed with `job run` wins."""

    batch: Annotated[Shares | None, Meta(description="Hosts at a time: 5, 10% or 1,10%,50%.")] = None
    max_failures: Annotated[ShareText | None, Meta(description="When more hosts fail no further one begins.")] = None
    ignore_unreachable: Annotated[bool, Meta(description="Unreachable hosts do not count as failures.")] = False
    pause: Annotated[PauseText | None, Meta(description="Between batches: a time, or `ask`.")] = None
    check: Annotated[str, Meta(description="A command that must succeed after each batch.")] = ""
    check_on: Annotated[Literal["hosts", "local"], Meta(description="Where it runs.")] = "hosts"
    check_timeout: Annotated[Seconds | None, Meta(description="How long it may take.")] = None
    deadline: Annotated[Seconds | None, Meta(description="For all of it; then it is called off.")] = None
    fanout: Annotated[Positive | None, Meta(description="Work on this many hosts at once.")] = None
    retries: Annotated[Count | None, Meta(description="Further tries at connecting.")] = None
    connect_timeout: Annotated[Seconds | None, Meta(description="How long a TCP connection may take.")] = None
    timeout: Annotated[Seconds | None, Meta(description="For each step that has none of its own.")] = None


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of a job file, `steps` and `handlers` aside."""

    name: Annotated[str, Meta(description="What the job is called.")] = ""
    targets: Annotated[tuple[str, ...], Meta(description="Hosts: target expressions; -t wins.")] = ()
    vars: Annotated[dict[str, Any], Meta(description="Variables: what the inventory says wins, and -e over both.")] = {}
    policy: Annotated[Manner, Meta(description="Batches, what stops it, time-outs.")] = Manner()
    sudo: Annotated[bool | str | None, Meta(description="For each step that does not say otherwise.")] = None
    env: Annotated[dict[str, Template], Meta(description="For each step, under what it says itself.")] = {}
    cwd: Annotated[Template, Meta(description="For each step that does not say otherwise.")] = Template("")


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job file with all that it includes, checked.

    Args:
        head: its keys; `sudo`, `env`, `cwd` and `policy.timeout` are in the steps already.
        steps: in order, those of included files in place.
        handlers: in the order in which they run at the end, if they are notified.
        file: its path.
        digest: of the file and those that it includes: the same while they are the same.
    """

    head: Head
    steps: tuple[Step, ...]
    handlers: tuple[Step, ...] = ()
    file: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        return self.head.name or self.file

    def number(self, step: Step) -> int:
        """Its place among the steps and then the handlers, counted from 1."""
        return (*self.steps, *self.handlers).index(step) + 1
