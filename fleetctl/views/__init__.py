"""Events in, what people and programs read out. A view is a consumer of events and never touches an engine.

One file per view; each is imported when it is asked for. `Footer`, `Recap`, `Verdict` and `SavedFiles` go
along with any of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from fleetctl.views.batches import BatchLines
from fleetctl.views.consumer import Consumer
from fleetctl.views.files import SavedFiles
from fleetctl.views.footer import Footer
from fleetctl.views.layout import Layout
from fleetctl.views.neutral import sanitize
from fleetctl.views.not_ok import NotOk
from fleetctl.views.recap import Recap
from fleetctl.views.screen import Screen
from fleetctl.views.table import render_table
from fleetctl.views.underway import Underway
from fleetctl.views.verdict import Verdict

__all__ = [
    "BatchLines", "Consumer", "Footer", "Layout", "NotOk", "Recap", "SavedFiles", "Screen", "Underway", "Verdict",
    "open_view", "render_table", "sanitize",
]  # fmt: skip

_VIEWS = {
    "stream": ("stream", "StreamView"),
    "fold": ("fold", "FoldView"),
    "both": ("both", "BothView"),
    "steps": ("steps", "StepsView"),
    "table": ("table", "TableView"),
    "json": ("document", "JsonView"),
    "ndjson": ("ndjson", "NdjsonView"),
}


def open_view(name: str, screen: Screen, layout: Layout) -> Consumer:
    """The view of that name. Raises: KeyError when there is none."""
    module, kind = _VIEWS[name]
    return cast("Consumer", getattr(import_module(f"fleetctl.views.{module}"), kind)(screen, layout))
