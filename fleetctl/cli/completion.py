"""Tab: what a shell must be told (`fleetctl completion bash|zsh|fish`), and the hosts, groups and runs it then offers.

The scripts ask `fleetctl` itself, in the way of typer (`_FLEETCTL_COMPLETE`). bash has one of our own: it parts
words at `@`, `:`, `=` and `&`, and typer's hands these parts over as words.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer.completion import completion_init  # type: ignore[attr-defined]  # not in its __all__

_OPERATORS = ",&!^"
_BASH = r"""
_fleetctl() {
    local line=${COMP_LINE:0:COMP_POINT} words current head reply
    read -ra words <<<"$line"
    current=${line##*[[:space:]]}
    head=${current%"$2"}
    COMPREPLY=()
    while IFS= read -r reply; do
        [[ $reply ]] || continue  # with nothing offered, bash completes files
        COMPREPLY+=("${reply#"${head#[\"\']}"}")  # bash puts them in place of $2
    done < <(
        COMP_WORDS=$line COMP_CWORD=$((${#words[@]} - (${#current} > 0))) _FLEETCTL_COMPLETE=complete_bash \
            fleetctl 2>/dev/null
    )
}
complete -o default -F _fleetctl fleetctl
"""
# typer quotes what it offers, for zsh to evaluate, and puts it into words that `compdef` shows.
_ZSH = """
#compdef fleetctl
_fleetctl() {
    eval "$(_TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _FLEETCTL_COMPLETE=complete_zsh fleetctl)"
}
compdef _fleetctl fleetctl
"""
_FISH = """
function _fleetctl
    _FLEETCTL_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=$argv[1] \
        _TYPER_COMPLETE_ARGS=(commandline -cp) fleetctl
end
complete -c fleetctl --no-files -a '(_fleetctl get-args)' -n '_fleetctl is-args'
"""


# Without its own options for it (`add_completion`), typer does not do this by itself.
completion_init()


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish")]) -> None:
    """Print what makes Tab complete: source <(fleetctl completion bash)"""
    scripts = {Shell.BASH: _BASH, Shell.ZSH: _ZSH, Shell.FISH: _FISH}
    typer.echo(scripts[shell].lstrip(), nl=False)


def complete_run(incomplete: str) -> list[str]:
    """`last`, and the ids of runs on record that begin so, the newest first. A broken history offers nothing."""
    from fleetctl.cli.past import recent
    from fleetctl.errors import FleetError

    try:
        ids = recent()
    except FleetError:
        return []
    return [word for word in ["last", *ids] if word.startswith(incomplete)] if ids else []


def complete_target(context: typer.Context, incomplete: str) -> list[str]:
    """Hosts, @groups and earlier runs that the last name of the expression may become.

    Broken inventories offer nothing.
    """
    from fleetctl.cli.sources import load_inventory
    from fleetctl.errors import FleetError

    start = max(incomplete.rfind(operator) for operator in _OPERATORS) + 1
    before, word = incomplete[:start], incomplete[start:]
    try:
        # While the line is being typed typer does not convert: paths are still words.
        inventory = load_inventory([Path(file) for file in context.params.get("inventory") or []])
    except FleetError:
        return []
    names = [*inventory.names, *(f"@{group}" for group in inventory.group_names)]
    if word.startswith(("@s", "@r")):
        names += _of_past(word)
    return [before + name for name in names if name.startswith(word)]


def _of_past(word: str) -> list[str]:
    """What `@status:` and `@run:` may be followed by."""
    from fleetctl.cli.past import ENDINGS

    if word.startswith("@r"):
        run, _, _ = word.removeprefix("@run:").partition(":")
        runs = complete_run(run) if word.startswith("@run:") else []
        names = [f"@run:{one}" for one in runs or ["last"]]
        names += [f"{name}:{ending}" for name in names for ending in ENDINGS if word.startswith(f"{name}:")]
    else:
        names = [f"@status:{ending}" for ending in ENDINGS]
    return [name for name in names if name.startswith(word)]
