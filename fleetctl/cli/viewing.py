"""The views that the options ask for, whether a run is made now or told again."""

from __future__ import annotations

from pathlib import Path

from fleetctl.cli.options import Look, ViewName
from fleetctl.cli.prompts import confirm
from fleetctl.errors import UsageError
from fleetctl.views import Consumer, Layout, Recap, SavedFiles, Screen, Verdict, open_view


def views_of(screen: Screen, look: Look, usual: ViewName = ViewName.STREAM) -> list[Consumer]:
    """Files first, then what is seen.

    Args:
        usual: the view where none is asked for.

    Raises: UsageError when the directory for the files will not do.
    """
    layout = Layout(prefix=not look.no_prefix, diff=look.diff, raw=look.raw)
    saved: list[Consumer] = []
    if look.save is not None:
        _make_directory(look.save, yes=look.yes)
        saved = [SavedFiles(look.save)]
    view = look.view(usual)
    talk: list[Consumer] = [] if look.quiet else [Recap(screen)]
    if not look.quiet or view is ViewName.FOLD:  # the others tell by themselves who is not ok
        talk.append(Verdict(screen, quiet=look.quiet))
    return [*saved, open_view(view, screen, layout), *talk]


def _make_directory(directory: Path, *, yes: bool) -> None:
    """Results of two runs must not mix unseen. Raises: UsageError."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        mixes = not yes and any(directory.iterdir())
    except OSError as error:
        raise UsageError(f"cannot write to {directory}: {error.strerror}", hint="--save takes a directory") from error
    if mixes and not confirm(f"{directory} is not empty. Write into it?"):
        raise UsageError(f"{directory} is not empty", hint="name a new directory, or add -y to write into it")
