"""The options that commands share, each declared once, in the groups in which they travel on."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from fleetctl.cli.completion import complete_target
from fleetctl.cli.values import duration, variable
from fleetctl.model import ElevationMethod, HostKeyPolicy


class ViewName(StrEnum):
    """The values of --output; the views room has one file for each."""

    STREAM = "stream"
    FOLD = "fold"
    BOTH = "both"
    STEPS = "steps"
    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"


_HOSTS = "Which hosts"
_LOGIN = "How to log in"
_PRIVILEGE = "With whose rights"
_PACE = "Pace and patience"
ELSE = "What is to be different"
"""The panel of what is not as it was typed for the run that is gone on with."""
_OUTPUT = "What to see"

InventoryFiles = Annotated[
    list[Path],
    typer.Option(
        "-i", "--inventory", metavar="FILE", rich_help_panel=_HOSTS,
        help="Inventory file; several merge. Without it: $FLEETCTL_INVENTORY, ./inventory.yaml, the user's own.",
    ),
]  # fmt: skip

TargetWords = Annotated[
    list[str] | None, typer.Argument(metavar="[TARGET]", autocompletion=complete_target, help="As --target.")
]


VaultFile = Annotated[
    Path | None,
    typer.Option(
        "--vault", metavar="FILE", rich_help_panel=_LOGIN, show_default=False,
        help="The vault that {vault: NAME} is in. Without it: $FLEETCTL_VAULT, the user's own.",
    ),
]  # fmt: skip

VaultKey = Annotated[
    Path | None,
    typer.Option(
        "--vault-key", metavar="FILE", rich_help_panel=_LOGIN, show_default=False,
        help="Private SSH key that opens it. Without it: $FLEETCTL_VAULT_KEY, ~/.ssh/id_ed25519, ~/.ssh/id_rsa.",
    ),
]  # fmt: skip


class Selection(msgspec.Struct, frozen=True):
    """Which hosts a command is for."""

    target: Annotated[
        list[str],
        typer.Option(
            "-t", "--target", "-w", metavar="TARGET", rich_help_panel=_HOSTS, autocompletion=complete_target,
            help="Hosts: web[01-20], @group, @tag:eu, @status:failed, ^FILE, combined with , & ! ^. Without it: all.",
        ),
    ] = msgspec.field(default_factory=list)  # fmt: skip
    exclude: Annotated[
        list[str],
        typer.Option(
            "-x", "--exclude", metavar="TARGET", rich_help_panel=_HOSTS, autocompletion=complete_target,
            help="Hosts to leave out.",
        ),
    ] = msgspec.field(default_factory=list)  # fmt: skip
    inventory: InventoryFiles = msgspec.field(default_factory=list)
    host: Annotated[
        list[str],
        typer.Option(
            "-H", "--host", metavar="[USER@]HOST[:PORT]", rich_help_panel=_HOSTS,
            help="A host that need not be in the inventory; may be given again.",
        ),
    ] = msgspec.field(default_factory=list)  # fmt: skip


class SelectionBesideFiles(Selection, frozen=True):
    """The same for commands in which --exclude is about files."""

    exclude: Annotated[
        list[str],
        typer.Option(
            "-x", "--exclude-hosts", metavar="TARGET", rich_help_panel=_HOSTS, autocompletion=complete_target,
            help="Hosts to leave out.",
        ),
    ] = msgspec.field(default_factory=list)  # fmt: skip


SshConfigFile = Annotated[
    Path | None,
    typer.Option(
        "-F", "--ssh-config", metavar="FILE", rich_help_panel=_LOGIN,
        help="ssh_config file to use instead of ~/.ssh/config and the system's; none for none.",
    ),
]  # fmt: skip


class Access(msgspec.Struct, frozen=True):
    """Settings of the login and the connection that win over the inventory."""

    user: Annotated[
        str | None, typer.Option("-u", "--user", metavar="NAME", rich_help_panel=_LOGIN, help="Log in as this user.")
    ] = None
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="PORT", min=1, max=65535, rich_help_panel=_LOGIN, help="Connect to this port."),
    ] = None
    key: Annotated[
        list[str],
        typer.Option(
            "--key", metavar="FILE", rich_help_panel=_LOGIN, help="Private key file to offer; may be given again."
        ),
    ] = msgspec.field(default_factory=list)
    ask_pass: Annotated[
        bool,
        typer.Option(
            "-k", "--ask-pass", rich_help_panel=_LOGIN, help="Ask for the login password, once for all hosts."
        ),
    ] = False
    jump: Annotated[
        str | None,
        typer.Option(
            "-J", "--jump", metavar="[USER@]HOST[:PORT],...", rich_help_panel=_LOGIN,
            help="Go through these bastions, the first one first; none for none.",
        ),
    ] = None  # fmt: skip
    ssh_config: SshConfigFile = None
    forward_agent: Annotated[
        bool | None,
        typer.Option(
            "--forward-agent/--no-forward-agent", show_default=False, rich_help_panel=_LOGIN,
            help="Let commands on the hosts use your ssh-agent; whoever is root there can, too.",
        ),
    ] = None  # fmt: skip
    auth_failures: Annotated[
        int,
        typer.Option(
            "--auth-failures", metavar="N", min=1, rich_help_panel=_LOGIN,
            help="Stop trying a password after N hosts have rejected it.",
        ),
    ] = 1  # fmt: skip
    vault: VaultFile = None
    vault_key: VaultKey = None
    host_key_policy: Annotated[
        HostKeyPolicy | None,
        typer.Option("--host-key-policy", rich_help_panel=_LOGIN, help="What to do with host keys that are not known."),
    ] = None
    known_hosts: Annotated[
        list[str],
        typer.Option("--known-hosts", metavar="FILE", rich_help_panel=_LOGIN, help="known_hosts file to use instead."),
    ] = msgspec.field(default_factory=list)


class Privilege(msgspec.Struct, frozen=True):
    """Whose rights commands and files have on the hosts, when not those of the login."""

    sudo: Annotated[
        bool | None,
        typer.Option(
            "-s/ ", "--sudo/--no-sudo", show_default=False, rich_help_panel=_PRIVILEGE, help="Do it as root, with sudo."
        ),
    ] = None  # fmt: skip
    sudo_user: Annotated[
        str | None,
        typer.Option("--sudo-user", metavar="NAME", rich_help_panel=_PRIVILEGE, help="As this user instead of root."),
    ] = None
    sudo_method: Annotated[
        ElevationMethod | None,
        typer.Option("--sudo-method", rich_help_panel=_PRIVILEGE, help="What makes another user of the login."),
    ] = None
    ask_sudo_pass: Annotated[
        bool,
        typer.Option(
            "-K", "--ask-sudo-pass", rich_help_panel=_PRIVILEGE, help="Ask for its password, once for all hosts."
        ),
    ] = False

    @property
    def wanted(self) -> bool | None:
        """Whether it is; None leaves it to the inventory. Naming a user, a method or a password wants it, too."""
        if self.sudo is None and (self.sudo_user or self.sudo_method or self.ask_sudo_pass):
            return True
        return self.sudo


ConnectTimeout = Annotated[
    float | None,
    typer.Option(
        "--connect-timeout", metavar="TIME", parser=duration, rich_help_panel=_PACE,
        help="How long a TCP connection may take (default: 10s).",
    ),
]  # fmt: skip

LoginTimeout = Annotated[
    float,
    typer.Option(
        "--login-timeout", metavar="TIME", parser=duration, rich_help_panel=_PACE,
        show_default=False, help="How long SSH banner, key exchange and login may take (default: 30s).",
    ),
]  # fmt: skip

Verbosity = Annotated[
    int, typer.Option("-v", "--verbose", count=True, rich_help_panel=_OUTPUT, help="Say more; -vv for debugging.")
]

Fold = Annotated[
    bool, typer.Option("-b", "--fold", rich_help_panel=_OUTPUT, help="Group hosts with the same output; -o fold.")
]
Diff = Annotated[
    bool, typer.Option("--diff", rich_help_panel=_OUTPUT, help="As -b, and show what differs from the largest group.")
]
Save = Annotated[
    Path | None,
    typer.Option("--save", metavar="DIR", rich_help_panel=_OUTPUT, help="Write a file per host and stream."),
]
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", rich_help_panel=_OUTPUT, help="Only output and errors; no closing lines.")
]
Yes = Annotated[bool, typer.Option("-y", "--yes", rich_help_panel=_OUTPUT, help="Answer yes to questions.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", rich_help_panel=_OUTPUT, help="Change nothing; say what would be done.")
]
FailedTo = Annotated[
    Path | None,
    typer.Option(
        "--failed-to", metavar="FILE", rich_help_panel=_OUTPUT,
        help="Write the names of hosts that are not ok, for -t ^FILE.",
    ),
]  # fmt: skip
OtherFanout = Annotated[
    int | None,
    typer.Option("-f", "--fanout", metavar="N", min=1, rich_help_panel=ELSE, help="Work on this many at once."),
]
OtherView = Annotated[
    ViewName | None,
    typer.Option("-o", "--output", metavar="VIEW", rich_help_panel=ELSE, help="|".join(ViewName)),
]
NoHistory = Annotated[bool, typer.Option("--no-history", rich_help_panel=_OUTPUT, help="Keep no record of this run.")]


class Pace(msgspec.Struct, frozen=True):
    """How many hosts at once, how often to try, how long to wait."""

    fanout: Annotated[
        int,
        typer.Option(
            "-f", "--fanout", metavar="N", min=1, rich_help_panel=_PACE, help="Work on this many hosts at once."
        ),
    ] = 64
    connect_timeout: ConnectTimeout = None
    login_timeout: LoginTimeout = 30.0
    retries: Annotated[
        int,
        typer.Option(
            "--retries", metavar="N", min=0, rich_help_panel=_PACE,
            help="Further tries at connecting when a server is too busy. No command is run twice by this.",
        ),
    ] = 2  # fmt: skip


class Patience(msgspec.Struct, frozen=True):
    """How long to wait for the one host that a command is about."""

    connect_timeout: ConnectTimeout = None
    login_timeout: LoginTimeout = 30.0

    @property
    def pace(self) -> Pace:
        """The same for what is about many; nothing is tried twice."""
        return Pace(connect_timeout=self.connect_timeout, login_timeout=self.login_timeout, retries=0)


class Look(msgspec.Struct, frozen=True):
    """What the user sees of a run, and where it is kept."""

    output: Annotated[
        ViewName | None,
        typer.Option(
            "-o", "--output", metavar="VIEW", rich_help_panel=_OUTPUT,
            help=f"{'|'.join(ViewName)}; stream where none is named, of a job steps.",
        ),
    ] = None  # fmt: skip
    fold: Fold = False
    diff: Diff = False
    no_prefix: Annotated[
        bool, typer.Option("-N", "--no-prefix", rich_help_panel=_OUTPUT, help="No host names in front of lines.")
    ] = False
    raw: Annotated[
        bool,
        typer.Option("--raw", rich_help_panel=_OUTPUT, help="Let terminal control sequences of hosts through."),
    ] = False
    save: Save = None
    quiet: Quiet = False
    yes: Yes = False

    def view(self, usual: ViewName) -> ViewName:
        """The view asked for, or the usual one. Raises: typer.BadParameter when -b or --diff contradicts -o."""
        if not self.fold and (not self.diff or self.output is ViewName.BOTH):
            return self.output or usual
        if self.output not in {None, ViewName.STREAM, ViewName.FOLD}:
            flag = "-b" if self.fold else "--diff"
            raise typer.BadParameter(f"{flag} means --output fold, and --output {self.output} was asked for too")
        return ViewName.FOLD


class Output(Look, frozen=True):
    """The same for a run that is made now."""

    failed_to: FailedTo = None
    largest: Annotated[
        bool, typer.Option("-S", "--largest", rich_help_panel=_OUTPUT, help="Exit with the hosts' largest exit code.")
    ] = False
    verbose: Verbosity = 0
    dry_run: DryRun = False
    no_history: NoHistory = False


class Surroundings(msgspec.Struct, frozen=True):
    """What a remote command finds when it starts."""

    env: Annotated[
        list[str],
        typer.Option(
            "-e", "--env", metavar="NAME=VALUE", callback=variable, help="Set a variable; may be given again."
        ),
    ] = msgspec.field(default_factory=list)
    cwd: Annotated[str, typer.Option("--cwd", metavar="DIR", help="Directory to run in.")] = ""
    stdin: Annotated[
        Path | None,
        typer.Option(
            "--stdin", metavar="FILE", help="What the command reads, on every host; by default our own piped stdin."
        ),
    ] = None
    no_stdin: Annotated[bool, typer.Option("-n", "--no-stdin", help="Leave our own stdin alone.")] = False
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="TIME",
            parser=duration,
            help="How long the command may run: 30, 90s, 5m. Then it is killed.",
        ),
    ] = None
    idle_timeout: Annotated[
        float | None,
        typer.Option(
            "--idle-timeout",
            metavar="TIME",
            parser=duration,
            help="How long it may go without output. Then it is killed.",
        ),
    ] = None
    pty: Annotated[bool, typer.Option("--pty", help="Run it on a terminal; joins stderr to stdout.")] = False
