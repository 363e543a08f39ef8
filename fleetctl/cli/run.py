"""`fleetctl run` and `fleetctl script`: a command line, or a script, on many hosts. `fleetctl ping`: are they there?"""

from __future__ import annotations

from typing import Annotated

import typer

from fleetctl.cli.expand import expanded
from fleetctl.cli.guard_options import Guards
from fleetctl.cli.options import Access, Output, Pace, Privilege, Selection, Surroundings, TargetWords
from fleetctl.cli.repeat_options import Repetition
from fleetctl.cli.rollout_options import Batches, Limits


@expanded
def run(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="Joined with spaces, as ssh does.")],
    selection: Selection,
    access: Access,
    privilege: Privilege,
    surroundings: Surroundings,
    repetition: Repetition,
    pace: Pace,
    limits: Limits,
    batches: Batches,
    output: Output,
    guards: Guards,
) -> None:
    """Run a command on many hosts. Options end at its first word: fleetctl run -t @web df -h /"""
    from fleetctl.cli.orders import Orders
    from fleetctl.cli.repeating import repeat_of
    from fleetctl.cli.running import carry_out, piped_stdin
    from fleetctl.cli.selecting import takes_stdin
    from fleetctl.operations.command import Command

    env = dict(pair.split("=", 1) for pair in surroundings.env)
    operation = Command(
        " ".join(command),
        env,
        surroundings.cwd,
        surroundings.timeout,
        surroundings.pty,
        surroundings.idle_timeout,
        repeat_of(repetition),
    )
    stdin = piped_stdin(surroundings.stdin, leave=surroundings.no_stdin or takes_stdin(selection))
    orders = Orders("run", selection, access, pace, output, privilege, guards, limits=limits, batches=batches)
    raise typer.Exit(carry_out(operation, orders, stdin))


@expanded
def script(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A script of this machine.")],
    selection: Selection,
    access: Access,
    privilege: Privilege,
    surroundings: Surroundings,
    repetition: Repetition,
    pace: Pace,
    limits: Limits,
    batches: Batches,
    output: Output,
    guards: Guards,
    args: Annotated[list[str] | None, typer.Argument(metavar="[ARGS]...", help="What it is given.")] = None,
) -> None:
    """Run a local script on many hosts, with the interpreter of its first line; nothing of it is left there.

    Options end at FILE: fleetctl script -t @web deploy.sh --force
    """
    from fleetctl.cli.orders import Orders
    from fleetctl.cli.repeating import repeat_of
    from fleetctl.cli.running import carry_out, piped_stdin
    from fleetctl.cli.selecting import takes_stdin
    from fleetctl.operations.script import Script, read_script

    operation = Script(
        read_script(file),
        tuple(args or ()),
        dict(pair.split("=", 1) for pair in surroundings.env),
        surroundings.cwd,
        surroundings.timeout,
        surroundings.pty,
        surroundings.idle_timeout,
        repeat_of(repetition),
    )
    stdin = piped_stdin(surroundings.stdin, leave=surroundings.no_stdin or takes_stdin(selection))
    orders = Orders("script", selection, access, pace, output, privilege, guards, limits=limits, batches=batches)
    raise typer.Exit(carry_out(operation, orders, stdin))


@expanded
def ping(
    selection: Selection, access: Access, pace: Pace, limits: Limits, output: Output, words: TargetWords = None
) -> None:
    """Connect and log in to many hosts, and time one round trip each."""
    from fleetctl.cli.orders import Orders
    from fleetctl.cli.running import carry_out
    from fleetctl.cli.selecting import with_words
    from fleetctl.operations.ping import Ping

    orders = Orders("ping", with_words(selection, words or []), access, pace, output, limits=limits)
    raise typer.Exit(carry_out(Ping(), orders))
