"""`fleetctl compare`: two runs of history side by side."""

from __future__ import annotations

from contextlib import closing

from fleetctl.cli.history_options import Form
from fleetctl.cli.past import open_history
from fleetctl.cli.remembered import facts, headline
from fleetctl.cli.talk import warn
from fleetctl.views import Screen, sanitize
from fleetctl.views.comparison import Comparison
from fleetctl.views.facts import encode
from fleetctl.views.spool import Spool


def compare_runs(before: str, after: str, form: Form) -> int:
    """Show what differs. Returns: 1 when anything does, as diff(1). Raises: HistoryError, OSError."""
    screen = Screen.from_process()
    with open_history() as history, closing(Spool()) as spool:
        was, now = history.run(before), history.run(after)
        if was.id == now.id:
            warn(f"both are the same run, {was.id}")
        comparison = Comparison(history.events(was.id), history.events(now.id), spool)
        if form is Form.JSON:
            told = {"before": facts(was), "after": facts(now), "counts": comparison.counts()}
            screen.write(encode(told | {"hosts": comparison.facts()}) + b"\n")
        else:
            for mark, run in (("---", was), ("+++", now)):
                screen.say(sanitize(f"{mark} {headline(run)}"))
            comparison.show(screen)
            screen.say(
                " · ".join(f"{count} {change.words}" for change, count in comparison.counts().items()) or "no hosts"
            )
        return int(comparison.differs)
