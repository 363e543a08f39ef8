"""What became of the files of all hosts together, in one line."""

from __future__ import annotations

from fleetctl.events import Event, HostFinished, Totals, Transferred
from fleetctl.sizes import counted, readable

_WAYS = {"sent": "sent to", "fetched": "fetched from"}


class Tally:
    """Adds up totals. For one thread."""

    def __init__(self) -> None:
        self._hosts = 0
        self._sum = Totals()
        self._way = "moved on"
        self._dry = False

    def note(self, event: Event) -> None:
        if isinstance(event, Transferred):
            self._way = _WAYS.get(event.action, self._way)
            self._dry = event.dry
        elif isinstance(event, HostFinished) and event.outcome.totals is not None:
            self._hosts += 1
            self._sum = _added(self._sum, event.outcome.totals)

    def line(self) -> str:
        """`12 files, 1.2 GiB sent to 3 hosts · 4 unchanged · 2 deleted`; "" where no files were to be moved."""
        if not self._hosts:
            return ""
        total = self._sum
        moved = f"{counted(total.files, 'file')}, {readable(total.bytes)}" if total.files or total.bytes else "nothing"
        would = "would be " if self._dry else ""
        parts = [f"{moved} {would}{self._way} {counted(self._hosts, 'host')}"]
        parts += [f"{total.linked:,} {would}linked"] if total.linked else []
        parts += [f"{total.unchanged:,} unchanged"] if total.unchanged else []
        parts += [f"{total.skipped:,} skipped"] if total.skipped else []
        parts += [f"{total.deleted:,} {would}deleted"] if total.deleted else []
        parts += [f"{total.failed:,} failed"] if total.failed else []
        return " · ".join(parts)


def _added(one: Totals, other: Totals) -> Totals:
    return Totals(*(getattr(one, name) + getattr(other, name) for name in Totals.__struct_fields__))
