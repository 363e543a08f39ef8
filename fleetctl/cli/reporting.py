"""`fleetctl report`: a run as a page in a file, which is there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fleetctl.cancel import Cancel
from fleetctl.cli.past import open_history
from fleetctl.cli.prompts import confirm
from fleetctl.cli.remembered import about
from fleetctl.cli.talk import say
from fleetctl.errors import UsageError
from fleetctl.history.history import History
from fleetctl.publishing import publish
from fleetctl.sizes import readable
from fleetctl.views import Screen
from fleetctl.views.html.report import HtmlReport
from fleetctl.views.whole import whole_file

_STDOUT = Path("-")


def write_report(word: str, file: Path, *, yes: bool) -> None:
    """Raises: HistoryError; UsageError when the file is there already, or cannot be."""
    with open_history() as history:
        run = history.run(word)
        if file == _STDOUT:
            screen = Screen.from_process()
            _write(history, run.id, tuple(about(run)), lambda piece: screen.write(_encoded(piece)))
            return
        if file.exists() and not yes and not confirm(f"{file} is there already. Replace it?"):
            raise UsageError(f"{file} is there already", hint="name another file, or add -y to replace it")
        try:
            with whole_file(file) as page:
                _write(history, run.id, tuple(about(run)), lambda piece: page.write(_encoded(piece)))
        except OSError as error:
            hint = "check the directory and its permissions"
            raise UsageError(f"cannot write {file}: {error.strerror}", hint=hint) from error
    say(f"{run.id} is written to {file} ({readable(file.stat().st_size)})")


def _write(history: History, run_id: str, known: tuple[tuple[str, str], ...], write: Callable[[str], object]) -> None:
    """Raises: OSError."""
    with Cancel() as cancel:
        result = publish(history.events(run_id), [HtmlReport(write, known)], cancel)
    if result.unwritten is not None:
        raise result.unwritten


def _encoded(piece: str) -> bytes:
    return piece.encode(errors="backslashreplace")
