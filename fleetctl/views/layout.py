"""What the user chose about the look of any view."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    """`prefix`: host names before lines; `diff`: folded groups as differences; `raw`: let control sequences pass."""

    prefix: bool = True
    diff: bool = False
    raw: bool = False
