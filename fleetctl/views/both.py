"""Live lines first, the folded groups after them."""

from __future__ import annotations

from fleetctl.events import Event
from fleetctl.views.fold import FoldView
from fleetctl.views.layout import Layout
from fleetctl.views.screen import Screen
from fleetctl.views.stream import StreamView


class BothView:
    def __init__(self, screen: Screen, layout: Layout) -> None:
        self._parts = (StreamView(screen, layout), FoldView(screen, layout))

    def show(self, event: Event) -> None:
        for part in self._parts:
            part.show(event)

    def close(self) -> None:
        for part in self._parts:
            part.close()
