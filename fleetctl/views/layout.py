"""What the user chose about the look of any view."""

from __future__ import annotations

import msgspec


class Layout(msgspec.Struct, frozen=True):
    """`prefix`: host names before lines; `diff`: folded groups as differences; `raw`: let control sequences pass."""

    prefix: bool = True
    diff: bool = False
    raw: bool = False
